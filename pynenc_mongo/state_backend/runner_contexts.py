"""Runner contexts: who ran what, with the runners above each one stored inside it."""

import re
from collections.abc import Iterator, Sequence

from pynenc.runner.runner_context import RunnerContext

from pynenc_mongo.state_backend import documents
from pynenc_mongo.state_backend.documents import RUNNER_CONTEXTS
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import Condition
from pynenc_mongo.storage.verbs import find_by_key, pages, put


class RunnerContexts:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def put(self, context: RunnerContext) -> None:
        put(self._collections.indexed(RUNNER_CONTEXTS), documents.encode_runner_context(context))

    def get_all(self, runner_ids: Sequence[str]) -> list[RunnerContext]:
        """Return the stored ones among `runner_ids`, in their order."""
        stored = find_by_key(self._collections.existing(RUNNER_CONTEXTS), runner_ids)
        return [documents.decode_runner_context(stored[key]) for key in runner_ids if key in stored]

    def matching(self, text: str) -> Iterator[RunnerContext]:
        """Return the contexts whose runner id contains `text`, which is text and never a pattern."""
        if "\0" in text:  # no runner id holds one, and BSON's regular expressions cannot
            return
        wanted = {"$and": [{"_id": Condition({"$regex": re.escape(text)})}]}
        for page in pages(self._collections.existing(RUNNER_CONTEXTS), wanted):
            yield from map(documents.decode_runner_context, page)

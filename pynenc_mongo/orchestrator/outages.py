"""What an outage of MongoDB does to a runner, and to the tasks that it has in its hands: it makes them wait.

pynenc's loops end with an error at many of the places where they use the orchestrator (docs/adr/0021).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pynenc_mongo.component import outliving_outages
from pynenc_mongo.errors import MongoOutageError, MongoServerError, MongoUnreachableError

if TYPE_CHECKING:
    from pynenc.app import Pynenc
    from pynenc.identifiers.invocation_id import InvocationId

# so that a server that refuses at once is not asked a hundred times a second
_PAUSE_SECONDS = 0.5


class Outages:
    def __init__(self, app: "Pynenc") -> None:
        self._app = app

    @contextmanager
    def survived(self, what: str) -> Iterator[None]:
        """Do without `what` where MongoDB does not do it: nothing is lost by that, and a log says so."""
        try:
            yield
        except MongoServerError as error:
            self._app.logger.warning("%s is left out: %s", what, error)

    def until_the_next[T](self, each: Iterator[T]) -> Iterator[T]:
        """Return what `each` returns; where MongoDB does not go along, none for now, after a pause."""
        while True:
            try:
                with outliving_outages(self._app):
                    found = next(each, None)
            except MongoServerError as error:
                self._app.logger.warning("the runner looks for invocations again soon: %s", error)
                time.sleep(_PAUSE_SECONDS)
                return
            if found is None:
                return
            yield found

    def is_at_fault(self, exception: BaseException) -> bool:
        """Whether a run ends because MongoDB did not answer: it failed by nothing of its own."""
        return isinstance(exception, MongoOutageError | MongoUnreachableError)

    def what_is_registered(
        self, ids: "Sequence[InvocationId]", statuses_of: Callable[[Sequence[str]], Mapping[str, object]]
    ) -> str:
        """Return in words which of some invocations are registered, after an error on the way to it."""
        try:
            registered = statuses_of(ids)
        except MongoServerError:
            return f"Whether any of {len(ids)} invocations is registered could not be asked: {', '.join(ids)}"
        if not registered:
            return f"None of {len(ids)} invocations is registered: enqueue again"
        return (
            f"{len(registered)} of {len(ids)} invocations are registered, and the recovery of pending "
            f"invocations has them run: do not enqueue them again: {', '.join(sorted(registered))}"
        )

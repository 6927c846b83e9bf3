"""The command aggregate, with the stages that mongomock has not, or has wrong."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pynenc_mongo.mongomock_server import lookup
from pynenc_mongo.mongomock_server.commands.reading import plan
from pynenc_mongo.mongomock_server.commands.state import (
    Command,
    Reply,
    State,
    check_hint,
    encoded,
    namespace,
    refuse,
)
from pynenc_mongo.mongomock_server.replies import (
    FAILED_TO_PARSE,
    INVALID_NAMESPACE,
    NO_CHANGE_STREAMS,
    NOT_IMPLEMENTED,
    TYPE_MISMATCH,
    CommandError,
)

type Pipeline = Sequence[Mapping[str, Any]]
type Documents = list[dict[str, Any]]

_LIMIT_NOT_POSITIVE = 15958


def aggregate(state: State, command: Command) -> Reply:
    """See https://www.mongodb.com/docs/manual/reference/command/aggregate/."""
    refuse(command, "collation", "let")
    pipeline = command.get("pipeline")
    if not isinstance(pipeline, list) or not all(
        isinstance(each, dict) and len(each) == 1 for each in pipeline
    ):
        raise CommandError(
            TYPE_MISMATCH, "'pipeline' must be an array of objects, each with one field: a stage"
        )
    _refuse_stages(pipeline)
    if command.get("explain"):
        return plan(command, {})
    if not isinstance(command.get("cursor"), dict):
        raise CommandError(
            FAILED_TO_PARSE, "The 'cursor' option is required, except for aggregate with the explain argument"
        )
    if not isinstance(command["aggregate"], str):
        stage = next(iter(pipeline[0])) if pipeline else "nothing"
        raise CommandError(
            INVALID_NAMESPACE, f"{{aggregate: 1}} is not valid for {stage!r} on mongomock; a collection is"
        )
    collection = state.collection(command)
    check_hint(collection, command)
    found = _aggregated(state, collection, pipeline)
    writes = bool(pipeline) and pipeline[-1].keys() <= {"$out", "$merge"}
    size = command["cursor"].get("batchSize")
    return state.cursors.first_batch(namespace(command), [] if writes else encoded(found), size)


def _refuse_stages(pipeline: Pipeline) -> None:
    if any(isinstance(limit := each.get("$limit", 1), int | float) and limit <= 0 for each in pipeline):
        raise CommandError(
            _LIMIT_NOT_POSITIVE, "invalid argument to $limit stage: the limit must be positive"
        )
    if any("$changeStream" in each for each in pipeline):
        raise CommandError(NO_CHANGE_STREAMS, "The $changeStream stage is only supported on replica sets")


def _aggregated(state: State, collection: Any, pipeline: Pipeline) -> Documents:
    """Run a pipeline, the stages of this module here and all others by mongomock."""
    places = [place for place, stage in enumerate(pipeline) if stage.keys() & _STAGES.keys()]
    if not places:
        return lookup.aggregate(collection, pipeline)
    found = lookup.aggregate(collection, pipeline[: places[0]])
    for place, following in zip(places, [*places[1:], len(pipeline)], strict=True):
        ((name, wish),) = pipeline[place].items()
        found = _STAGES[name](state, collection.database, found, wish)
        found = lookup.run_stages(collection.database, found, pipeline[place + 1 : following])
    return found


def _union(state: State, database: Any, found: Documents, wish: Any) -> Documents:
    wish = {"coll": wish} if isinstance(wish, str) else wish
    if not isinstance(wish, dict) or not isinstance(wish.get("coll"), str):
        raise CommandError(
            FAILED_TO_PARSE, f"the $unionWith stage specification must name a collection: {wish!r}"
        )
    return found + _aggregated(state, state.named(database.name, wish["coll"]), wish.get("pipeline", []))


def _look_up(state: State, database: Any, found: Documents, wish: Any) -> Documents:
    """Join as mongomock does not: by what stands in arrays of documents, and through a pipeline."""
    names = ("from", "localField", "foreignField", "as")
    if not isinstance(wish, dict) or not all(isinstance(wish.get(name), str) for name in names):
        return lookup.run_stages(database, found, [{"$lookup": wish}])  # refuses it
    refuse(wish, "let")
    if "." in wish["as"]:
        raise CommandError(NOT_IMPLEMENTED, "mongomock has no path in the 'as' of $lookup")
    foreign = state.named(database.name, wish["from"])
    joined = lookup.join(found, wish["localField"], foreign, wish["foreignField"])
    for document, matches in zip(found, joined, strict=True):
        document[wish["as"]] = lookup.run_stages(database, matches, wish.get("pipeline", []))
    return found


_STAGES: Final[Mapping[str, Callable[[State, Any, Documents, Any], Documents]]] = {
    "$lookup": _look_up,
    "$unionWith": _union,
}

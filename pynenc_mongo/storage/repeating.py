"""Which operations are sent again after a lost answer or a failover, and for how long.

The driver repeats a single read by itself, and a single write where the server is part of a replica set or of
a sharded cluster, but never an `update_many`, a `delete_many` or a `createIndexes`
(https://www.mongodb.com/docs/manual/core/retryable-writes/). What is `repeated` here does no harm
when it is done twice: it names its documents by their keys, or by a condition that they no longer meet
afterwards. A pop is not of that kind, and is sent `once`.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain, repeat
from typing import Any, NoReturn

import pymongo
from bson.errors import BSONError, InvalidBSON
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    InvalidOperation,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
)

from pynenc_mongo.errors import (
    MongoDocumentError,
    MongoOutageError,
    MongoRefusedError,
    MongoUnreachableError,
    MongoValueError,
)

logger = logging.getLogger(__name__)

type Place = Collection[Any] | Database[Any]

_RETRYABLE = "RetryableWriteError"
# what passes by its code, where no label says so: a member or a router goes away, or the time
# is up (50)
# (https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md)
_PASSING_CODES = frozenset({6, 7, 50, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436})
# what a member says before it does anything
_NOT_BEGUN_CODES = frozenset({10107, 13435})

# what the driver says of a client that is closed
_AFTER_CLOSE = "after close"

_patience: ContextVar[Callable[[], bool]] = ContextVar("_patience", default=lambda: False)
_LEAST_SECONDS = 0.001
_PAUSES_SECONDS = (0.0, 0.02, 0.05, 0.1, 0.2)
_LONGEST_PAUSE_SECONDS = 0.5


class _Times:
    """When an operation that begins now has to end, and until when it is sent again."""

    def __init__(self, place: Place) -> None:
        self._client = (place if isinstance(place, Database) else place.database).client
        options, now = self._client.options, time.monotonic()
        self._ends_at = now + (options.timeout or math.inf)
        self._repeated_until = min(self._ends_at, now + options.server_selection_timeout)

    def left_for_attempt(self, seconds: float | None = None) -> float | None:
        """Return the seconds for one more attempt, None for no limit.

        The driver would look for a server that is gone until the operation has to end.

        :param seconds: what an attempt may take where a server is there
        """
        is_there = self._client.topology_description.has_writable_server()
        if is_there and seconds is not None:
            return seconds
        until = self._ends_at if is_there else self._repeated_until
        return max(until - time.monotonic(), _LEAST_SECONDS) if until < math.inf else None

    def are_over_after(self, pause: float) -> bool:
        return time.monotonic() + pause >= self._repeated_until


def repeated[T](
    place: Place,
    operation: Callable[[], T],
    *,
    again: Callable[[], T] | None = None,
    attempt_seconds: float | None = None,
) -> T:
    """Do `operation`, and do it again while errors come that pass.

    That goes on for as long as a server may be looked for (`serverSelectionTimeoutMS`), and not longer than
    one operation may take in all (`timeoutMS`); and then anew, as long as somebody is `patient`.

    :param again: what is done instead at later attempts: the one before may have been carried out
    :param attempt_seconds: what each attempt may take, where that is not the rest of the time
    :raises MongoOutageError: if it is not known in the end whether it was done
    :raises MongoRefusedError: if the server refused it
    :raises MongoValueError: if MongoDB cannot hold it
    """
    times = _Times(place)
    pauses = chain(_PAUSES_SECONDS, repeat(_LONGEST_PAUSE_SECONDS))
    attempt, is_open = operation, False  # whether an attempt may have been carried out
    while True:
        try:
            with pymongo.timeout(times.left_for_attempt(attempt_seconds)), _naming_what_is_no_bson(place):
                return attempt()
        except PyMongoError as error:
            pause = next(pauses)
            is_over = times.are_over_after(pause)
            if not _passes(error) or (is_over and not _goes_on(error)):
                _tell(place, error, is_open=is_open)
            is_open = is_open or not _was_not_begun(error)
        time.sleep(pause)
        if is_over:  # the pause is no part of the time that begins anew
            times = _Times(place)
        attempt = again or operation


def once[T](place: Place, operation: Callable[[], T]) -> T:
    """Do `operation`, which would do something else the second time.

    :raises MongoOutageError: if it is not known whether it was done
    :raises MongoRefusedError: if the server refused it
    """
    try:
        with pymongo.timeout(_Times(place).left_for_attempt()), _naming_what_is_no_bson(place):
            return operation()
    except PyMongoError as error:
        _tell(place, error, is_open=False)


@contextmanager
def patient(goes_on: Callable[[], bool]) -> Iterator[None]:
    """Have what this thread repeats meanwhile go on through an outage of any length, while `goes_on()`."""
    before = _patience.set(goes_on)
    try:
        yield
    finally:
        _patience.reset(before)


def reached[T](connect: Callable[[], T], is_hopeless: Callable[[], object]) -> T:
    """Connect, and go on trying as long as somebody is `patient`.

    :param is_hopeless: whether the server is known to have ended for good
    :raises MongoUnreachableError: if no server answers
    """
    while True:
        try:
            return connect()
        except MongoUnreachableError as error:
            if is_hopeless() or not _goes_on(error):
                raise


def _goes_on(error: Exception) -> bool:
    goes_on = _patience.get()()
    if goes_on:
        logger.warning("MongoDB does not answer, and is waited for: %s", error)
    return goes_on


def _passes(error: PyMongoError) -> bool:
    if isinstance(error, AutoReconnect) or error.has_error_label(_RETRYABLE):
        return True
    return isinstance(error, OperationFailure) and error.code in _PASSING_CODES


def _was_not_begun(error: PyMongoError) -> bool:
    """Whether the server has surely done nothing: it was not reached, or refused before it began."""
    if isinstance(error, ServerSelectionTimeoutError | WaitQueueTimeoutError):
        return True
    return isinstance(error, NotPrimaryError) and _code_of(error) in _NOT_BEGUN_CODES


@contextmanager
def _naming_what_is_no_bson(place: Place) -> Iterator[None]:
    """Name the place of what the driver cannot write, before it sends anything, or cannot read."""
    try:
        yield
    except InvalidBSON as error:
        raise MongoDocumentError(f"a document in {_name_of(place)} cannot be read: {error}") from error
    except (BSONError, UnicodeError, OverflowError) as error:
        what = f"{type(error).__name__}: {error}"
        raise MongoValueError(f"MongoDB cannot hold what is asked of {_name_of(place)}: {what}") from error


def _name_of(place: Place) -> str:
    return place.name if isinstance(place, Database) else place.full_name


def _tell(place: Place, error: PyMongoError, *, is_open: bool) -> NoReturn:
    """Raise what pynenc's loops forgive, and callers understand."""
    name = _name_of(place)
    if isinstance(error, InvalidOperation) and _AFTER_CLOSE in str(error):
        # by whoever it was handed out to, in another thread; the next operation opens another
        raise MongoOutageError(f"the client was closed before this was done in {name}") from error
    if isinstance(error, DuplicateKeyError) or not isinstance(error, ConnectionFailure | OperationFailure):
        raise error
    if isinstance(error, OperationFailure) and not is_open and _is_refusal(error):
        raise MongoRefusedError(
            f"MongoDB refuses this in {name}: {error}", error.code, error.details
        ) from error
    done = "it was not done" if _was_not_begun(error) and not is_open else "it may be done, or not"
    raise MongoOutageError(f"no answer from MongoDB for {name}, {done}: {error}") from error


def _is_refusal(error: OperationFailure) -> bool:
    """Whether the server answered that it does not do this, and nothing else may have happened."""
    if isinstance(error, BulkWriteError):
        return bool((error.details or {}).get("writeErrors"))
    return not (_passes(error) or isinstance(error, WriteConcernError))


def _code_of(error: NotPrimaryError) -> int | None:
    details: Any = error.details
    return details.get("code") if isinstance(details, Mapping) else None

"""`pynenc_mongo_failpoint`: commands of a test's apps fail on purpose, by MongoDB's fail point `failCommand`.

A fail point is its server's, and strikes whoever bears the name that only the apps of such a test have
(`mongo_app_name`), in each process: no other test, no other run, and nothing that the plugin sends itself.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

import pytest

from pytest_pynenc_mongo import requesting
from pytest_pynenc_mongo.errors import UNAUTHORIZED, FailPointError, in_short
from pytest_pynenc_mongo.faults import Closes, Fault, Wish

if TYPE_CHECKING:
    from pymongo.errors import OperationFailure

    from pytest_pynenc_mongo.databases import TestDatabase, TestServer

FIXTURE = "pynenc_mongo_failpoint"

# what a server answers to a fault that it cannot make
_WRONG_FAULT_CODES = (2, 9, 14)
_OF_TEST: pytest.StashKey["FailPoint"] = pytest.StashKey()


class ArmedFailPoint:
    """Has commands fail while its block lasts; `.count` is how often it did."""

    def __init__(
        self, fault: Fault, app_name: str, server: "TestServer", others: "list[ArmedFailPoint]"
    ) -> None:
        self._fault = fault
        self._app_name = app_name
        self._server = server
        self._others = others
        self._before = self._count = 0  # how often the server's had struck before, and this one since
        self._was_used = self._was_armed = self.is_armed = False

    @property
    def count(self) -> int:
        """How often it has struck so far, or in all after its block; while it is armed it costs a command."""
        if self.is_armed and (state := self._state()):
            self._count = state["timesEntered"] - self._before
        return self._count

    def __enter__(self) -> Self:
        self._was_used = True
        for each in self._others:
            if each.is_armed:
                raise FailPointError(
                    f"a fail point is armed already ({each}), and a server has one: leave its block first, "
                    "or name all commands in one"
                )
        self._refuse_somebody_s()
        answer = self._configure(self._fault.mode, {**self._fault.data, "appName": self._app_name})
        if "count" not in answer:
            self._configure("off", {})
            self._skip("it does not say how often one struck")
        self._before = answer["count"]
        self._was_armed = self.is_armed = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.switch_off()

    def switch_off(self) -> None:
        """Have it strike no more; after that this does nothing.

        :raises FailPointError: if somebody else's has taken its place
        """
        if not self.is_armed:
            return
        from pymongo.errors import ConnectionFailure, InvalidOperation

        from pynenc_mongo.errors import MongoUnreachableError

        self.is_armed = False
        # of a server that is gone there is nothing to switch off
        with suppress(ConnectionFailure, InvalidOperation, MongoUnreachableError):
            self._refuse_somebody_s()
            self._count = self._configure("off", {})["count"] - self._before

    def told(self) -> str:
        """Return what it did and how often, or nothing if it was never armed."""
        times = "once" if self.count == 1 else f"{self.count} times"
        return f"{self}; struck {times}" if self._was_armed else ""

    def refuse_unused(self) -> None:
        """Refuse that it was made and never armed.

        :raises FailPointError: naming it
        """
        if not self._was_used:
            raise FailPointError(f"a fail point ({self}) was made and never armed: use it by `with`")

    def _refuse_somebody_s(self) -> None:
        state = self._state()
        name = state.get("data", {}).get("appName")
        if state.get("mode") and name != self._app_name:
            raise FailPointError(
                f"MongoDB at {self._server.masked_url} has a fail point of somebody else's, app name "
                f"{name!r}, and a server has one: let the two not run at once, or use mongomock:// or "
                "embedded://"
            )

    def _state(self) -> Mapping[str, Any]:
        """Return the server's `mode`, `data` and `timesEntered` of it; nothing where it does not tell."""
        from pymongo.errors import OperationFailure

        parameter = f"failpoint.{self._fault.point}"
        try:
            answer = self._server.client.admin.command({"getParameter": 1, parameter: 1})
        except OperationFailure:
            return {}
        state: Mapping[str, Any] = answer.get(parameter, {})
        return state

    def _configure(self, mode: Any, data: Mapping[str, Any]) -> Mapping[str, Any]:
        from pymongo.errors import OperationFailure

        command = {"configureFailPoint": self._fault.point, "mode": mode, "data": data}
        try:
            return self._server.client.admin.command(command)
        except OperationFailure as error:
            if self._fault.is_mongodb_s and error.code in _WRONG_FAULT_CODES:
                where = self._server.masked_url
                raise FailPointError(
                    f"MongoDB at {where} cannot do this ({self}): {in_short(error)}"
                ) from None
            self._skip(in_short(error), error)

    def _skip(self, why: str, error: "OperationFailure | None" = None) -> NoReturn:
        if not self._fault.is_mongodb_s:
            what = "closes no connection after a command"
            remedy = "use mongomock:// or embedded://, or closes='before'"
        else:
            what = "allows no fail points"
            remedy = (
                "give its user the role root"
                if error is not None and error.code == UNAUTHORIZED
                else "start it by mongod --setParameter enableTestCommands=1"
            )
        pytest.skip(f"MongoDB at {self._server.masked_url} {what} ({why}): {remedy}")

    def __str__(self) -> str:
        return self._fault.words

    def __repr__(self) -> str:
        return f"ArmedFailPoint({self})"


class FailPoint:
    """Has commands of a test's apps fail: `with pynenc_mongo_failpoint("update", error=91): ...`.

    It strikes what the stores of these apps send: in the test process, in workers, in processes of runners;
    not what `pynenc_mongo_db` and `pynenc_mongo_client` send.
    """

    def __init__(self, server: "TestServer", app_name: str) -> None:
        self._server = server
        self._app_name = app_name
        self._made: list[ArmedFailPoint] = []

    def __call__(
        self,
        *commands: str,
        error: int | None = None,
        labels: Sequence[str] = (),
        closes: Closes | None = None,
        write_concern_error: int | None = None,
        delay_seconds: float = 0.0,
        times: int | None = None,
        skip: int | None = None,
    ) -> ArmedFailPoint:
        """Return a context manager: while its block lasts commands fail, and `.count` is how often.

        One of `error`, `closes` and `write_concern_error`, or `delay_seconds`, or both.

        :param commands: as MongoDB names them, `findAndModify`; none for all that an app sends
        :param error: the code of the error that comes instead of what the command does
        :param labels: of that error, `RetryableWriteError` for example
        :param closes: "before" or "after" the command is carried out the connection is closed, unanswered
        :param write_concern_error: the code of the error that comes with the answer to a write that is done
        :param delay_seconds: how long the server waits before all that
        :param times: how often it strikes at most; None: always
        :param skip: how many commands pass before it strikes always
        :raises FailPointError: naming what is wrong with that, and the remedy
        """
        wish = Wish(
            commands=commands,
            error=error,
            labels=labels,
            closes=closes,
            write_concern_error=write_concern_error,
            delay_seconds=delay_seconds,
            times=times,
            skip=skip,
        )
        made = ArmedFailPoint(wish.fault(), self._app_name, self._server, self._made)
        self._made.append(made)
        return made

    def switch_off(self) -> None:
        """Have none of them strike any more."""
        for each in self._made:
            each.switch_off()

    def refuse_unused(self) -> None:
        """Refuse those that were made and never armed.

        :raises FailPointError: naming the first
        """
        for each in self._made:
            each.refuse_unused()

    def told(self) -> list[str]:
        """Return a line for each that was armed: what it did, and how often."""
        return [line for each in self._made if (line := each.told())]


def settings(item: pytest.Item, database: "TestDatabase") -> Mapping[str, Any]:
    """Return the config values by which a fail point knows the apps of a test, if it asks for one."""
    return {"mongo_app_name": database.run_name} if requesting.wants(item, FIXTURE) else {}


@contextmanager
def of_test(item: pytest.Item, database: "TestDatabase") -> Generator[FailPoint]:
    """Lend a test what makes fail points; afterwards none of them strikes.

    :raises FailPointError: if a fail point could not tell its apps from others
    """
    _refuse_nameless(item, database)
    fail_point = item.stash[_OF_TEST] = FailPoint(database.server, database.run_name)
    try:
        yield fail_point
    finally:
        fail_point.switch_off()
    fail_point.refuse_unused()


def switch_off(item: pytest.Item) -> None:
    """Have nothing fail in a test any more."""
    if fail_point := item.stash.get(_OF_TEST, None):
        fail_point.switch_off()


def told(item: pytest.Item) -> list[str]:
    """Return a line for each fail point of a test."""
    fail_point = item.stash.get(_OF_TEST, None)
    return fail_point.told() if fail_point else []


def _refuse_nameless(item: pytest.Item, database: "TestDatabase") -> None:
    from pynenc_mongo.conf.address import option_in

    if not requesting.wants(item, FIXTURE):
        raise FailPointError(
            f"{FIXTURE} was asked for by getfixturevalue, when apps had their names: make it an argument of "
            f"the test, or use @pytest.mark.usefixtures({FIXTURE!r})"
        )
    if option_in(database.url, "appName"):
        raise FailPointError(
            f"the URL {database.server.masked_url} names its clients (appName), and a fail point could not "
            "tell this test's apps from others: leave that out of it"
        )

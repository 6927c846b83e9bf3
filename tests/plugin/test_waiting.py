"""A wait ends when what it waits for is so, at its deadline, or when nobody is left; coroutines' too."""

import asyncio
from collections.abc import Callable

import pytest
from pynenc import Pynenc

from pytest_pynenc_mongo import apps, executors
from pytest_pynenc_mongo.errors import RunnerError
from pytest_pynenc_mongo.waiting import Wait

type Until = Callable[..., object]


@pytest.fixture
def app() -> Pynenc:
    return apps.new()


@pytest.fixture(params=["until", "async_until"])
def until(request: pytest.FixtureRequest, app: Pynenc) -> Until:
    """The wait and its twin, with five seconds of patience."""
    wait = Wait(app, 5.0)
    if request.param == "until":
        return wait.until
    return lambda *args, **kwargs: asyncio.run(wait.async_until(*args, **kwargs))


def after(turns: int) -> Callable[[], bool]:
    """Return what is so at a later look."""
    looks = iter([False] * turns)
    return lambda: next(looks, True)


def test_it_ends_with_the_look_at_which_it_is_so(until: Until) -> None:
    until(after(0))
    until(after(3))


def test_what_is_so_needs_no_time(until: Until) -> None:
    until(after(0), timeout=0)


def test_at_its_deadline_it_says_what_was_waited_for_and_how_long(until: Until) -> None:
    with pytest.raises(RunnerError, match=r"after 0\.02 s what was waited for did not happen"):
        until(lambda: False, timeout=0.02)
    with pytest.raises(RunnerError, match=r"after 0\.02 s the kettle is cold"):
        until(lambda: False, 0.02, lambda: "the kettle is cold")


def test_what_looks_raises_as_it_is(until: Until) -> None:
    def look() -> bool:
        raise KeyError("kettle")

    with pytest.raises(KeyError, match="kettle"):
        until(look)


def test_it_ends_at_once_where_those_who_ran_tasks_have_ended(until: Until, app: Pynenc) -> None:
    class Dead:
        is_alive = False

        def how_it_ended(self) -> str:
            return "worker 7 ended with SIGKILL"

    executors.watch(app, Dead())  # type: ignore[arg-type]
    try:
        with pytest.raises(RunnerError, match="worker 7 ended with SIGKILL"):
            until(lambda: False)
    finally:
        executors.stop(app)
        executors.forget_test()


def test_a_coroutine_may_be_what_looks(app: Pynenc) -> None:
    is_so = after(2)

    async def look() -> bool:
        return is_so()

    asyncio.run(Wait(app, 5.0).async_until(look))


def test_other_coroutines_go_on_meanwhile(app: Pynenc) -> None:
    async def both() -> object:
        boiled = asyncio.Event()

        async def boil() -> None:
            boiled.set()

        return await asyncio.gather(Wait(app, 5.0).async_until(boiled.is_set), boil())

    asyncio.run(both())

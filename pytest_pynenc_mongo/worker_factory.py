"""`pynenc_worker_factory`: workers as a test wants them, one or several, each in a process of its own."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, overload

from pytest_pynenc_mongo import eager, pinning
from pytest_pynenc_mongo.errors import ConfigError
from pytest_pynenc_mongo.specifications import Wishes

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner

    from pytest_pynenc_mongo.workers import Worker

_NAME = "pynenc_worker_factory"


class WorkerFactory:
    """Starts workers for an app: `pynenc_worker_factory(app)`, `pynenc_worker_factory(app, count=3)`."""

    def __init__(self, start: "Callable[[Pynenc, Wishes], Worker]") -> None:
        self._start = start

    @overload
    def __call__(
        self,
        app: "Pynenc",
        *,
        env: Mapping[str, str] | None = None,
        runner: "str | type[BaseRunner]" = "",
    ) -> "Worker": ...

    @overload
    def __call__(
        self,
        app: "Pynenc",
        *,
        count: int,
        env: Mapping[str, str] | None = None,
        runner: "str | type[BaseRunner]" = "",
    ) -> "tuple[Worker, ...]": ...

    def __call__(
        self,
        app: "Pynenc",
        *,
        count: int | None = None,
        env: Mapping[str, str] | None = None,
        runner: "str | type[BaseRunner]" = "",
    ) -> "Worker | tuple[Worker, ...]":
        """Start a worker, or a tuple of `count` workers; each runs as soon as this returns.

        :param env: variables that the worker has besides those of the test, from before it imports the app
        :param runner: what runs the tasks there, a name or a class; the app's own runner otherwise
        :raises ConfigError: if there is no such runner, or a variable or the number is none
        :raises WiringError: if a variable says where to store, which is the test database
        :raises RunnerError: if a worker does not start, with the tail of its log; if the tasks of `app`
            run at the call
        """
        eager.refuse(app, "a worker")
        wishes = Wishes(_checked(env or {}), runner)
        if count is None:
            return self._start(app, wishes)
        if isinstance(count, bool) or count < 1:
            raise ConfigError(f"{_NAME}: count is {count!r}, not a number of workers")
        return tuple(self._start(app, wishes) for _ in range(count))


def _checked(env: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in env.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigError(f"{_NAME}: env has {name!r}: {value!r}, and variables are texts")
        pinning.refuse_elsewhere(name, value, f"in env of {_NAME}: a worker stores where its test does")
    return dict(env)

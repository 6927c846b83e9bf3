"""What fixtures are that are called, for annotations: `def test_tea(pynenc_use_app: UseApp) -> None`."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner


class AppFactory(Protocol):
    """`pynenc_app_factory`: makes new apps on the test database."""

    def __call__(self, **config: Any) -> "Pynenc":
        """Return a new app; its `config_values` are the keyword arguments, `app_id` among them."""
        ...


class UseApp(Protocol):
    """`pynenc_use_app`: puts an app on the test database."""

    def __call__(self, app: "Pynenc", **more: Any) -> AbstractContextManager["Pynenc"]:
        """Return a context manager that puts an app there, and afterwards back exactly as it was.

        :param more: more `config_values`
        """
        ...


class RunnerFactory(Protocol):
    """`pynenc_runner_factory`: runs runners in threads of the test process."""

    def __call__(self, app: "Pynenc") -> "BaseRunner":
        """Return an app's runner, which runs in a thread until the app is put back.

        :raises RunnerError: if it does not start
        """
        ...


class Seed(Protocol):
    """`pynenc_mongo_seed`: fills the stores of the app before a test gets it."""

    def __call__(self, app: "Pynenc", /) -> object: ...

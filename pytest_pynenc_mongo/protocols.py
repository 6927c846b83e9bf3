"""What fixtures are that are called, for annotations: `def test_tea(pynenc_use_app: UseApp) -> None`."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from os import PathLike

    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner

    from pytest_pynenc_mongo.manifests import Manifest


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


class Load(Protocol):
    """`pynenc_mongo_load`: loads kept databases into the test database."""

    def __call__(self, directory: "str | PathLike[str]") -> "Manifest":
        """Have the test database hold what a directory holds; return what is known of that.

        Collections of it that are there already are replaced.

        :raises KeptError: if the directory holds no kept database that this version can open
        """
        ...


class Seed(Protocol):
    """`pynenc_mongo_seed`: fills the stores of the app before a test gets it."""

    def __call__(self, app: "Pynenc", /) -> object: ...

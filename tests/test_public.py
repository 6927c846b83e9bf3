"""The package's public face."""

import pytest

import pynenc_mongo
from tests.storage.helpers import run_script


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = """
        import sys
        import pynenc_mongo
        print(sorted({"pynenc", "pymongo", "bson", "mongomock"} & set(sys.modules)))
    """
    assert run_script(script).strip() == "[]"


def test_starting_a_server_imports_no_mongomock_here() -> None:
    script = """
        import sys
        from pynenc_mongo import start_mongomock_server
        print("mongomock" in sys.modules, callable(start_mongomock_server))
    """
    assert run_script(script).split() == ["False", "True"]


@pytest.mark.parametrize("name", pynenc_mongo.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(pynenc_mongo, name)


def test_any_other_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = pynenc_mongo.nothing  # type: ignore[attr-defined]

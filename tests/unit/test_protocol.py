"""pymongo's classes and the mongomock ones are what `storage/portable.py` asks for.

`mypy --strict` checks the assignments; the tests see that every method that is asked for is there.
"""

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database

from pynenc_mongo.storage.mock import LocalStore, MockClient, MockCollection, MockDatabase, Store
from pynenc_mongo.storage.portable import PortableClient, PortableCollection, PortableDatabase
from pynenc_mongo.storage.serving import RemoteStore
from tests.unit.helpers import LoggedStore


def accepted_by_mypy(
    client: MongoClient[dict[str, Any]],
    mock_client: MockClient,
    remote: RemoteStore,
    logged: LoggedStore,
) -> list[PortableClient | PortableDatabase | PortableCollection[Any] | Store]:
    """Return what each is, as the protocol it fulfils."""
    real_client: PortableClient = client
    real_database: PortableDatabase = client["shop"]
    real_collection: PortableCollection[Any] = client["shop"]["things"]
    other_client: PortableClient = mock_client
    other_database: PortableDatabase = mock_client["shop"]
    other_collection: PortableCollection[Any] = mock_client["shop"]["things"]
    stores: list[Store] = [LocalStore(), remote, logged]
    return [
        real_client,
        real_database,
        real_collection,
        other_client,
        other_database,
        other_collection,
        *stores,
    ]


PAIRS = [
    (PortableClient, MongoClient, MockClient),
    (PortableDatabase, Database, MockDatabase),
    (PortableCollection, Collection, MockCollection),
]


@pytest.mark.parametrize(("portable", "real", "mock"), PAIRS)
def test_every_portable_method_is_there(portable: type, real: type, mock: type) -> None:
    asked_for = {name for name in vars(portable) if not name.startswith("_")} | {"__getitem__"} & set(
        vars(portable)
    )
    assert asked_for
    for kind in (real, mock):
        fields = set(getattr(kind, "__dataclass_fields__", {}))
        missing = {
            name for name in asked_for if name not in fields and not callable(getattr(kind, name, None))
        }
        missing -= {name for name in missing if isinstance(getattr(kind, name, None), property)}
        assert missing == set()


def test_a_mock_client_is_no_iterable_of_databases() -> None:
    """`__getitem__` alone would let `for name in client` run for ever."""
    with pytest.raises(TypeError, match="'MockClient' object is not iterable"):
        iter(MockClient(LocalStore()))


def test_the_portable_objects_are_accepted() -> None:
    client: MongoClient[dict[str, Any]] = MongoClient("mongodb://never.example", connect=False)
    store = LocalStore()
    accepted = accepted_by_mypy(
        client,
        MockClient(store),
        RemoteStore("mongomock://127.0.0.1:1", 1),
        LoggedStore(store, log=None),  # type: ignore[arg-type]
    )
    assert len(accepted) == 9
    client.close()

"""The methods of pymongo that the backends use: no more than every engine has.

mongomock has no sessions, no partial unique indexes and, with pymongo 4.20, no bulk updates; what is not
listed here is not used. A real `pymongo.collection.Collection` satisfies `PortableCollection`, and so does
the mongomock one in `mock.py`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pymongo.operations import IndexModel
from pymongo.results import DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

type Filter = Mapping[str, Any]
type Update = Mapping[str, Any]


class PortableCursor[Doc](Protocol):
    def __iter__(self) -> Iterator[Doc]: ...


class PortableCollection[Doc](Protocol):
    """See https://pymongo.readthedocs.io/en/stable/api/pymongo/collection.html for each method."""

    @property
    def name(self) -> str: ...

    def find(self, *args: Any, **kwargs: Any) -> PortableCursor[Doc]: ...

    def find_one(self, filter: Any = ..., *args: Any, **kwargs: Any) -> Doc | None: ...  # noqa: A002

    def find_one_and_delete(self, filter: Filter, **kwargs: Any) -> Doc | None: ...  # noqa: A002

    def find_one_and_replace(
        self,
        filter: Filter,  # noqa: A002
        replacement: Mapping[str, Any],
        *,
        upsert: bool = ...,
    ) -> Doc | None: ...

    def insert_one(self, document: Any) -> InsertOneResult: ...

    def insert_many(self, documents: Iterable[Any], ordered: bool = ...) -> InsertManyResult: ...

    def replace_one(
        self,
        filter: Filter,  # noqa: A002
        replacement: Mapping[str, Any],
        upsert: bool = ...,
    ) -> UpdateResult: ...

    def update_one(
        self,
        filter: Filter,  # noqa: A002
        update: Update,
        upsert: bool = ...,
    ) -> UpdateResult: ...

    def update_many(self, filter: Filter, update: Update) -> UpdateResult: ...  # noqa: A002

    def delete_many(self, filter: Filter) -> DeleteResult: ...  # noqa: A002

    def count_documents(self, filter: Filter) -> int: ...  # noqa: A002

    def distinct(self, key: str, filter: Filter | None = ...) -> list[Any]: ...  # noqa: A002

    def create_indexes(self, indexes: Sequence[IndexModel]) -> list[str]: ...

    def index_information(self) -> Mapping[str, Any]: ...


class PortableDatabase(Protocol):
    @property
    def name(self) -> str: ...

    def __getitem__(self, name: str) -> PortableCollection[Any]: ...

    def list_collection_names(self) -> list[str]: ...


class PortableClient(Protocol):
    def __getitem__(self, name: str) -> PortableDatabase: ...

    def list_database_names(self) -> list[str]: ...

    def drop_database(self, name_or_database: str) -> None: ...

    def close(self) -> None: ...

"""Documents in the order of a sort, as fast as their values allow; pure."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from bson import Int64
from mongomock.filtering import resolve_sort_key

type Document = dict[str, Any]
type Order = Sequence[tuple[str, int]]

# all values of a field are of one of these, so that Python sorts them as MongoDB does
_SORTED_ALIKE: Final = ({str}, {float}, {int}, {Int64}, {int, Int64})


def in_order(documents: list[Document], order: Order, *, only_first: bool = False) -> list[Document]:
    """Return documents in an order; all of them, unless only the first one is asked for."""
    if only_first and order:
        documents = _first(documents, order)
    for field, direction in reversed(order):
        documents = _sorted(documents, field, direction)
    return documents


def _sorted(documents: list[Document], field: str, direction: int) -> list[Document]:
    if field == "$natural":
        return documents[::-1] if direction < 0 else documents
    if _sorts_alike(documents, field):
        return sorted(documents, key=itemgetter(field), reverse=direction < 0)
    return sorted(documents, key=lambda each: resolve_sort_key(field, each), reverse=direction < 0)


def _first(documents: list[Document], order: Order) -> list[Document]:
    """Return those of which one is the first in an order, with less work than sorting all."""
    for field, direction in order:
        if len(documents) == 1 or not _sorts_alike(documents, field):
            return documents
        values = [document[field] for document in documents]
        best = min(values) if direction > 0 else max(values)
        documents = [document for document, value in zip(documents, values, strict=True) if value == best]
    return documents


def _sorts_alike(documents: list[Document], field: str) -> bool:
    return {type(document.get(field)) for document in documents} in _SORTED_ALIKE

"""Which of pymongo's tests fail on the mongomock server, and why."""

from collections.abc import Mapping

# left out: they ask for names of the domain name system, or look at the machine, and not at the server
NOT_ASKED: Mapping[str, tuple[str, ...]] = {
    "test_client": ("ClientUnitTest", "handshake", "srv", "service_name"),
}

_CAPPED = "mongomock has no capped collections"
_COLLATION = "mongomock has no collation"
_DATABASE_AGGREGATE = "mongomock has no aggregate on a database, nor $listLocalSessions"
_MIN_MAX = "mongomock has no min and max of an index"
_VALIDATOR = "mongomock has no validator"
_WHERE = "mongomock has no $where"

# by file, and by `Class::name`, in which `*` stands for anything: all that it names must fail
REASONS: Mapping[str, Mapping[str, str]] = {
    "test_collection": {
        "TestCollection::test_*bypass_document_validation*": _VALIDATOR,
        "TestCollection::test_index_filter": "mongomock has no indexes to plan with: explain says COLLSCAN",
        "TestCollection::test_index_text": "mongomock has no $text",
        "TestCollection::test_min_query": _MIN_MAX,
        "TestCollection::test_options": _CAPPED,
    },
    "test_cursor": {
        "TestCursor::test_comment": "mongomock has no profile",
        "TestCursor::test_concurrent_close": _CAPPED,
        "TestCursor::test_max": _MIN_MAX,
        "TestCursor::test_max_await_time_ms": _CAPPED,
        "TestCursor::test_min": _MIN_MAX,
        "TestCursor::test_tailable": _CAPPED,
        "TestCursor::test_to_list_csot_applied": _WHERE,
        "TestCursor::test_where": _WHERE,
        "TestRawBatch*Cursor::test_collation": _COLLATION,
    },
    "test_crud_unified": {
        "TestUnified*Collation::*": _COLLATION,
        "TestUnified*Let::*_with_let_option": "mongomock has no let",
        "TestUnified*ArrayFilters::*": "mongomock has no arrayFilters",
        "TestUnified*DotsAndDollars::test_Updating*_on_5_0+_server": "mongomock has no $setField",
        "TestUnifiedAggregateMerge::*": "mongomock has no $merge",
        "TestUnifiedDbAggregate::*": _DATABASE_AGGREGATE,
        "TestUnifiedEstimatedDocumentCount::*_on_views": "mongomock has no views",
    },
    "test_database": {
        "TestDatabase::test_list_collection_names_filter": _CAPPED,
        "TestDatabase::test_list_collections": _CAPPED,
        "TestDatabaseAggregation::test_database_aggregation*": _DATABASE_AGGREGATE,
    },
    "test_client": {
        "TestClient::test_interrupt_signal": _WHERE,
        "TestClient::test_socket_timeout": _WHERE,
    },
}

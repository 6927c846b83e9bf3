"""On the wire: a majority confirms each write of the five stores, and the primary answers each read."""

from typing import Any

from pymongo import MongoClient
from pymongo.errors import ServerSelectionTimeoutError
from pynenc.identifiers.invocation_id import InvocationId

from pynenc_mongo.storage import client
from tests import whole_lives
from tests.commands import WRITES, CommandLog, logged_commands
from tests.storage.helpers import address_of, app_on, new_name, raised

CHANGES = (*WRITES, "createIndexes")
SECONDARIES = (
    "readPreference=secondary&readPreferenceTags=dc:ny&maxStalenessSeconds=120&readConcernLevel=majority"
)
RESULT = InvocationId("invocation")


def test_a_majority_confirms_each_write(place: tuple[str, str], commands: CommandLog) -> None:
    with whole_lives.at(*place):
        whole_lives.live()
    changes = [sent for sent in commands.take() if sent.name in CHANGES]
    assert {sent.name for sent in changes} == set(CHANGES)
    assert [str(sent) for sent in changes if sent.document.get("writeConcern") != {"w": "majority"}] == []


def test_who_confirms_a_write_is_what_the_url_says(embedded_url: str) -> None:
    url = with_options(embedded_url, "w=1&wtimeoutMS=500")
    name = new_name()
    with logged_commands(url) as log:
        app_on(url, name).state_backend._set_result(RESULT, "stored")
        (stored,) = [sent for sent in log.take() if str(sent) == "update state_backend_results"]
        client.client_at(address_of(url, name)).drop_database(name)
    # the driver leaves wtimeout out where an operation as a whole has a time limit
    assert stored.document["writeConcern"] == {"w": 1}


def test_the_primary_is_read_where_the_url_prefers_secondaries(replica_set_url: str) -> None:
    """A set of one has no secondary: who would be asked one finds nobody."""
    url, name = with_options(replica_set_url, SECONDARIES), new_name()
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=100) as plain:
        raised(ServerSelectionTimeoutError, lambda: plain[name]["things"].find_one({}))
    with logged_commands(url) as log:
        state_backend = app_on(url, name).state_backend
        state_backend._set_result(RESULT, "stored")
        assert state_backend._get_result(RESULT) == "stored"
        reads = [sent.document for sent in log.take() if sent.name == "find"]
        client.client_at(address_of(url, name)).drop_database(name)
    assert [(read.get("$readPreference"), read["readConcern"]["level"]) for read in reads] == [
        (None, "local")
    ]


def with_options(url: str, options: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{options}"

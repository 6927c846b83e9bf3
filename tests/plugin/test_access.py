"""Who gets in: nobody without credentials; and what holds credentials is shown to nobody."""

import json
import pickle
import re
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from pytest_pynenc_mongo import engines
from pytest_pynenc_mongo.masking import ConfigValues
from pytest_pynenc_mongo.options import EMBEDDED_URL, Options
from tests.plugin.helpers import EMBEDDED, make_shop, output, run

STRANGER = """
    from urllib.parse import urlsplit

    import pytest
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure
    from shop.app import add

    READS_AND_WRITES = [
        {"find": "shop.state_backend_results"},
        {"insert": "shop.state_backend_results", "documents": [{"_id": "stranger"}]},
        {"update": "shop.state_backend_results", "updates": [{"q": {}, "u": {"$set": {"payload": {}}}}]},
        {"aggregate": "shop.state_backend_results", "pipeline": [{"$out": "mine"}], "cursor": {}},
        {"listCollections": 1},
        {"dropDatabase": 1},
        {"createUser": "stranger", "pwd": "open", "roles": ["root"]},
    ]

    def test_a_stranger(pynenc_app, pynenc_worker, pynenc_mongo_db, pynenc_mongo_url):
        assert add(1, 2).result == 3
        place = urlsplit(pynenc_mongo_url)
        with MongoClient(place.hostname, place.port) as stranger:
            for command in READS_AND_WRITES:
                with pytest.raises(OperationFailure) as refused:
                    stranger[pynenc_mongo_db.name].command(command)
                assert refused.value.code == 13, command
        assert pynenc_mongo_db["shop.state_backend_results"].count_documents({}) == 1
"""


def test_embedded_obeys_nobody_but_the_run(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(STRANGER)
    run(pytester, EMBEDDED).assert_outcomes(passed=1)


@pytest.mark.thorough
def test_each_run_has_a_password_of_its_own() -> None:
    passwords = set()
    for _ in range(2):
        with engines.running(Options(EMBEDDED_URL, "tests", "")) as engine:
            (password,) = re.findall(r"^mongodb://pynenc:([\w-]{43})@127\.0\.0\.1:\d+/", engine.url)
            passwords.add(password)
            guess = engine.url.replace(password, "A" * 43)
            with MongoClient[Any](guess) as stranger, pytest.raises(OperationFailure, match="failed"):
                stranger.admin.command("listDatabases")
    assert len(passwords) == 2


SHOWN = """
    import json
    import pickle
    import stat
    from pathlib import Path

    import pytest
    from jsonpickle import decode, encode

    @pytest.fixture
    def password(pynenc_mongo_url):
        Path("password").write_text(pynenc_mongo_url.partition("@")[0].rpartition(":")[2])
        assert json.loads(json.dumps(pynenc_mongo_url)) == pynenc_mongo_url
        pickled, text = pickle.dumps(pynenc_mongo_url), encode(pynenc_mongo_url, keys=True)
        for copy in (pickle.loads(pickled), decode(text, keys=True)):
            assert type(copy) is str and copy == pynenc_mongo_url

    def test_the_url(password, pynenc_mongo_url):
        assert pynenc_mongo_url == "mongodb://localhost"

    def test_the_other_way_round(password, pynenc_mongo_url):
        assert pynenc_mongo_url not in [pynenc_mongo_url]

    def test_what_has_it(
        password, pynenc_app, pynenc_mongo_engine, pynenc_mongo_database, pynenc_mongo_client, pynenc_mongo_db
    ):
        config, conf = pynenc_app.config_values, pynenc_app.state_backend.conf
        url = conf.mongo_url
        assert (config, url, pynenc_mongo_engine, pynenc_mongo_database) == ()

    def test_a_worker_s_files(password, pynenc_worker, tmp_path_factory):
        written = sorted(tmp_path_factory.getbasetemp().glob("pynenc-worker*/worker.pickle"))
        assert [stat.S_IMODE(path.stat().st_mode) for path in written] == [0o600]
        assert [stat.S_IMODE(path.parent.stat().st_mode) for path in written] == [0o700]
        print(pynenc_worker.log)
        assert pynenc_worker.kill()
"""


def test_no_report_shows_a_password(pytester: pytest.Pytester) -> None:
    make_shop(pytester, "junit_logging = all")
    pytester.makepyfile(SHOWN)
    result = run(pytester, EMBEDDED, "--showlocals", "-vv", "--junit-xml=junit.xml")
    result.assert_outcomes(failed=4)
    password = (pytester.path / "password").read_text()
    assert len(password) == 43
    junit = (pytester.path / "junit.xml").read_text()
    assert junit.count("<failure") == 4
    assert password not in output(result)
    assert password not in junit
    # it was to be seen, masked
    assert output(result).count("pynenc:***@127.0.0.1") > 4


def test_config_values_show_no_password_where_they_arrive() -> None:
    url = "mongodb://ann:hunter2@db.example/shop"
    sent = ConfigValues({"mongo_url": url, "winning": ConfigValues({"mongo_url": url}), "max_retries": 3})
    arrived = pickle.loads(pickle.dumps(sent))
    assert arrived == sent == json.loads(json.dumps(sent))
    assert repr(arrived).count("ann:***@db.example") == 2
    assert "hunter2" not in repr(arrived)
    assert ConfigValues({"max_retries": 3}) == {"max_retries": 3}


# what another one wrote in place of a result; who reads it makes a folder
FORGES = """
    import json
    from pathlib import Path

    import pytest
    from pynenc.invocation import InvocationStatus
    from shop.app import add

    FORGED = {
        "JsonPickleSerializer": '{"py/reduce": [{"py/function": "os.mkdir"}, {"py/tuple": ["made"]}]}',
        "JsonSerializer": json.dumps(
            {"__pynenc__std_py_exc__": {"type": "exec", "args": ["import os; os.mkdir('made')"]}}
        ),
    }

    @pytest.mark.parametrize(
        "serializer",
        [
            pytest.param(name, marks=pytest.mark.pynenc_mongo(config={"serializer_cls": name}))
            for name in FORGED
        ],
    )
    def test_a_result(
        serializer, pynenc_app, pynenc_runner, pynenc_mongo_db, pynenc_wait, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        call = add(1, 2)
        pynenc_wait.status(call, InvocationStatus.SUCCESS)
        results = pynenc_mongo_db["shop.state_backend_results"]
        assert results.update_many({}, {"$set": {"payload.text": FORGED[serializer]}}).modified_count == 1
        assert call.result is None
        assert Path("made").exists()
"""


def test_who_can_write_a_result_can_run_code_by_each_of_pynenc_s_serializers(
    pytester: pytest.Pytester,
) -> None:
    make_shop(pytester)
    pytester.makepyfile(FORGES)
    run(pytester).assert_outcomes(passed=2)

"""Open a kept database: `python -m pytest_pynenc_mongo.kept DIRECTORY` serves it until Ctrl-C.

A mongomock server of its own holds it, and is told how to use: pynmon, mongosh, pytest.
"""

import contextlib
import signal
import sys
import threading
from pathlib import Path

from pynenc_mongo import PynencMongoError, start_mongomock_server
from pytest_pynenc_mongo import dumps
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from pytest_pynenc_mongo.errors import KeptError
from pytest_pynenc_mongo.manifests import Manifest
from pytest_pynenc_mongo.processes import command_by_hand

_USAGE = "usage: python -m pytest_pynenc_mongo.kept DIRECTORY, which the end of a run has printed"
_HOW_TO_USE = """\
{test}
left database {name} on {kept_at}.
A mongomock server holds a copy of it until you press Ctrl-C. Its URL:

    {raw_url}

In other terminals:

    {pynmon} {url} {name}
    mongosh {url}    # then: use {name}
    pytest --pynenc-mongo-url={url}
"""


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        dump = dumps.read(Path(arguments[0]))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt), start_mongomock_server() as server:
            _serve(dump, TestServer(server.url))
    except (KeptError, PynencMongoError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _serve(dump: dumps.Dump, server: TestServer) -> None:
    manifest = dump.manifest
    database = TestDatabase(server, manifest.database)
    left_out = dumps.restore(dump, database)
    database.sign(kept=True, test=manifest.test, code=manifest.code)
    sys.stdout.write(_how_to_use(manifest, server.url))
    sys.stdout.writelines(f"left out: {each}\n" for each in left_out)
    sys.stdout.flush()
    server.close()
    threading.Event().wait()


def _how_to_use(manifest: Manifest, url: str) -> str:
    return _HOW_TO_USE.format(
        test=manifest.test,
        name=manifest.database,
        kept_at=manifest.kept_at,
        raw_url=url,
        url=f"'{url}'",
        pynmon=command_by_hand("pynmon"),
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

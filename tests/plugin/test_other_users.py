"""Another user of the machine gets nothing of a run: no file, no pipe, no socket."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin.helpers import looks_for_processes, make_shop, run_new

pytestmark = looks_for_processes

# being another user: prints what it got
STRANGER = """
import contextlib
import os
import socket
import sys

uid, *paths = sys.argv[1:]
os.setgroups([])
os.setgid(int(uid))
os.setuid(int(uid))
for path in paths:
    for name, how in (("reads", os.R_OK), ("writes", os.W_OK)):
        if os.access(path, how):
            print(name, path)
    with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(OSError):
        line.connect(path)
        print("is answered at", path)
"""
LOOKS = """
    import contextlib
    import os
    import stat
    import subprocess
    import sys
    from pathlib import Path

    import pytest
    from shop.app import add

    WORLD = Path(os.environ["WORLD"])  # a folder that everybody may enter
    PLACES = (str(WORLD), "/tmp/", os.environ.get("TMPDIR", "/tmp/"))

    def descendants(pid):
        children = set()
        for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # a thread that has ended
                children |= {*map(int, tasks.read_text().split())}
        return children.union(*map(descendants, children))

    def opened_by(pid):
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                yield os.readlink(link)

    def paths_of_run():
        '''Return all below WORLD, what our processes have open, where they listen, and the folders.'''
        pids = descendants(os.getpid())
        assert len(pids) >= 2
        found = {str(each) for each in WORLD.rglob("*")}
        opened = {path for pid in pids for path in opened_by(pid)}
        found |= {path for path in opened if path.startswith(PLACES)}
        lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
        found |= {line[7] for line in lines if len(line) > 7 and f"socket:[{line[6]}]" in opened}
        found = {path for path in found if os.path.exists(path)}
        return found | {str(Path(path).parent) for path in found} - {*PLACES, "/tmp"}

    def mode_of(path):
        try:
            return path.stat().st_mode
        except OSError:  # it is gone
            return 0

    def is_private(path):
        above = [each for each in (Path(path), *Path(path).parents) if each not in (WORLD, *WORLD.parents)]
        return any(not mode_of(each) & (stat.S_IRWXG | stat.S_IRWXO) for each in above)

    @pytest.mark.parametrize(
        "scope",
        [
            pytest.param(scope, marks=pytest.mark.pynenc_mongo(worker_scope=scope))
            for scope in ("function", "session")
        ],
    )
    def test_a_stranger(scope, pynenc_worker, pynenc_mongo_engine):
        assert add(1, 2).result == 3
        paths = paths_of_run()
        text = " ".join(paths)
        assert "worker.pickle" in text and "worker.log" in text
        if scope == "session":
            # a database was kept by then, and its run may still read it
            assert "manifest.json" in text and "orders" in text
        assert ("s.sock" in text) is (pynenc_mongo_engine.name == "mongomock")
        assert ("pynenc-mongo-embedded-" in text) is (pynenc_mongo_engine.name == "embedded")
        open_to_all = {path for path in paths if not is_private(path)}
        (WORLD / "shown").touch(0o644)
        assert not is_private(WORLD / "shown")
        assert open_to_all <= {str(WORLD), str(WORLD / "kept"), str(WORLD / "shown")}
        if uid := os.environ.get("STRANGER_UID"):
            stranger = [sys.executable, str(Path("stranger.py")), uid, *paths, str(WORLD / "shown")]
            got = subprocess.run(stranger, capture_output=True, text=True, timeout=30)
            assert got.stderr == ""
            told = {*got.stdout.splitlines()}
            assert f"reads {WORLD / 'shown'}" in told  # it is somebody who gets what he may
            assert told <= {f"reads {path}" for path in (WORLD, WORLD / "kept", WORLD / "shown")}
"""
SHOP = """
    from pynenc import PynencBuilder

    app = PynencBuilder().app_id("shop").memory().build()

    @app.task
    def add(x: int, y: int) -> int:
        return x + y
"""


@pytest.fixture
def world() -> Iterator[Path]:
    """A folder that everybody may enter, as a runner of CI may have it."""
    folder = Path(tempfile.mkdtemp(prefix="world-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_another_user_gets_nothing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, on_engine: tuple[str, ...], world: Path
) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makepyfile(LOOKS)
    (pytester.path / "stranger.py").write_text(STRANGER)
    monkeypatch.setenv("WORLD", str(world))
    if os.getuid() == 0:  # nobody else can become somebody else
        monkeypatch.setenv("STRANGER_UID", str(pwd.getpwnam("nobody").pw_uid))
    keep = ("--pynenc-mongo-keep=always", f"--pynenc-mongo-keep-dir={world / 'kept'}")
    result = run_new(pytester, *on_engine, *keep, f"--basetemp={world / 'base'}")
    result.assert_outcomes(passed=2)

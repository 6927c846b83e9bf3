"""The story that each of fifteen kinds of failing tests tells, compared with what stands in `stories/`.

Read those files, one screen each, as somebody does whose test has just failed. After a change that is meant,
have them written anew: `REWRITE_STORIES=1 pytest tests/plugin/test_stories.py`, and read them again.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from shutil import copy
from xml.sax.saxutils import escape

import pytest

from pytest_pynenc_mongo import snapshot, story
from pytest_pynenc_mongo.snapshot import Invocation, Queue, Runner, Snapshot, Step
from tests.plugin.helpers import EMBEDDED, make_ini, output, run
from tests.reproducible import in_thorough_runs

STORIES = Path(__file__).parent / "stories"
PROJECT = {"kitchen.py": "kitchen.py", "kinds.py": "test_kinds.py", "who.py": "conftest.py"}
KINDS = 15
# each of two who run tasks, in each of two ways, on each of two engines
COMBINATIONS = [
    pytest.param("worker", (), id="worker-serial-mongomock"),
    in_thorough_runs(["runner", ("-n2",)], "runner-n2-mongomock"),
    in_thorough_runs(["runner", (EMBEDDED,)], "runner-serial-embedded"),
    in_thorough_runs(["worker", ("-n2", EMBEDDED)], "worker-n2-embedded"),
]
RUN_SECONDS = 200.0
PIDS = {"test": 10000, "": 20000, "worker": 30000, "runner": 10000}


@pytest.mark.slow
@pytest.mark.timeout(RUN_SECONDS + 20)
@pytest.mark.parametrize(("who", "options"), COMBINATIONS)
def test_each_kind_of_failure_tells_its_story(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, who: str, options: tuple[str, ...]
) -> None:
    make_ini(pytester, "pythonpath = .", "pynenc_app = kitchen:app")
    for source, name in PROJECT.items():
        copy(STORIES / "project" / source, pytester.path / name)
    monkeypatch.setenv("WHO", who)
    result = run(pytester, *options, f"--junit-xml={pytester.path}/junit.xml", seconds=RUN_SECONDS)
    result.assert_outcomes(failed=KINDS)
    told = {path.stem.removeprefix("test_"): path for path in pytester.path.glob("test_*.json")}
    assert len(told) == KINDS
    printed, reported = output(result), (pytester.path / "junit.xml").read_text(encoding="utf-8")
    for kind, path in sorted(told.items()):
        seen = json.loads(path.read_text(encoding="utf-8"))
        lines = story.lines(snapshot.from_json(seen["snapshot"]), seen["said"])
        assert "\n".join(lines) in printed
        assert xml_of("\n".join(lines)) in reported
        said = seen["said"].replace(f"{pytester.path}/", "")
        compare(STORIES / who / f"{kind}.txt", normalised(seen["snapshot"], pytester.path), said)


def xml_of(text: str) -> str:
    """Return a text as pytest writes it into an element of its XML."""
    return escape(text)


def compare(file: Path, seen: Snapshot, said: str) -> None:
    """Compare a story with the one that a file holds; or write that file, if the environment says so."""
    lines = story.lines(seen, said)
    assert len(lines) <= story.LINES
    assert max(map(len, lines)) <= story.COLUMNS
    text = "\n".join([*lines, ""])
    if os.environ.get("REWRITE_STORIES"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), file.name


def normalised(text: str, directory: Path) -> Snapshot:
    """Return a snapshot that is the same for every run: ids, processes, instants, folders, turns in vain."""
    text = text.replace(f"{directory}/", "")
    seen = snapshot.from_json(text)
    for pattern, after in names_in(seen):
        text = re.sub(pattern, after, text)
    seen = snapshot.from_json(text)
    ticks = (number / 10 for number in count())
    invocations = tuple(settled(each, ticks) for each in seen.invocations)
    return replace(
        seen,
        at=next(ticks),
        invocations=invocations,
        runners=tuple(sorted(of_interest(seen), key=lambda each: each.pid)),
        queues=seen.queues
        or tuple(queue_of(each, seen) for each in invocations if each.status == "rerouted"),
        events=tuple(replace(each, at=0.0) for each in seen.events),
        logs=(),
    )


def names_in(seen: Snapshot) -> Iterator[tuple[str, str]]:
    """Return patterns of what is another one in each run, and what stands for each: of one length."""
    for number, each in enumerate(seen.invocations, 1):
        # all of it, its beginning, and what is left of it where an argument is truncated
        yield rf"\b{each.short_id}[0-9a-f-]*", f"{number:08d}"
    for number, runner in enumerate(seen.runners, 1):
        is_child = bool(runner.parent_id)
        yield from (
            (rf"\b{runner.pid}\b", f"{PIDS[runner.role] + is_child}"),
            (rf"\b{runner.host}\b", "host"),
        )
        if runner.role != "test":
            yield re.escape(runner.id), f"runner-{number}"


def of_interest(seen: Snapshot) -> Iterator[Runner]:
    """Return the runners that had something in their hands, and those that have nobody above them."""
    named = {step.runner_id for each in seen.invocations for step in each.steps}
    return (each for each in seen.runners if each.id in named or not each.parent_id)


def settled(invocation: Invocation, ticks: Iterator[float]) -> Invocation:
    """Return an invocation whose steps are a tenth of a second from each other, those in vain ten in all."""
    statuses = [step.status for step in invocation.steps]
    owners = [step.runner_id for step in invocation.steps]
    status = invocation.status
    if "concurrency_controlled" in statuses:
        status, in_vain = "rerouted", ["concurrency_controlled", "rerouted"] * 5
        statuses, owners = [statuses[0], *in_vain], [owners[0]] * 11
    steps = tuple(Step(one, next(ticks), owner) for one, owner in zip(statuses, owners, strict=True))
    return replace(
        invocation,
        status=status,
        steps=steps,
        registered_at=steps[0].at,
        status_at=steps[-1].at,
        runner_id="" if status == "rerouted" else invocation.runner_id,
    )


def queue_of(invocation: Invocation, seen: Snapshot) -> Queue:
    """Return the queue in which an invocation is for most of the time."""
    return Queue(invocation.queue, (invocation.id,), tuple(each.id for each in seen.runners if each.seen_at))


def test_the_page_on_failed_tests_shows_stories_as_they_are() -> None:
    page = (STORIES.parents[2] / "docs" / "failed-tests.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```text\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
    stories = {path.read_text(encoding="utf-8") for path in STORIES.glob("*/*.txt")}
    assert len(shown) == 3
    assert set(shown) <= stories


def test_every_story_fits_a_screen() -> None:
    stories = list(STORIES.glob("*/*.txt"))
    assert len(stories) == 2 * KINDS
    for path in stories:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= story.LINES
        assert max(map(len, lines)) <= story.COLUMNS

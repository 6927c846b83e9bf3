"""What the marker `pynenc_mongo` takes, and what a test wants by it."""

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_pynenc_mongo import marker
from pytest_pynenc_mongo.errors import MarkerError
from pytest_pynenc_mongo.marker import Wishes

NO_SECONDS = (0, -1, True, float("inf"), float("nan"))


def marked(*marks: pytest.MarkDecorator, **config: Any) -> Any:
    """Return a test with marks, the nearest one first, as pytest iterates over them."""
    return SimpleNamespace(
        nodeid="test_shop.py::test_tea",
        config=SimpleNamespace(**config),
        iter_markers=lambda name: (each.mark for each in marks if each.mark.name == name),
    )


def wants(*args: Any, **kwargs: Any) -> pytest.MarkDecorator:
    mark: pytest.MarkDecorator = pytest.mark.pynenc_mongo(*args, **kwargs)
    return mark


@pytest.mark.parametrize(
    ("marks", "wishes"),
    [
        ([], Wishes()),
        ([pytest.mark.slow], Wishes()),
        ([wants(app="shop.app:app")], Wishes(app="shop.app:app")),
        ([wants(runner="ThreadRunner")], Wishes(config={"runner_cls": "ThreadRunner"})),
        ([wants(eager=True)], Wishes(config={"dev_mode_force_sync_tasks": True}, is_eager=True)),
        (
            [wants(config={"dev_mode_force_sync_tasks": 1})],
            Wishes(config={"dev_mode_force_sync_tasks": 1}, is_eager=True),
        ),
        (
            [wants(keep="always", timeout=3, worker_scope="module")],
            Wishes(keep="always", timeout=3, worker_scope="module"),
        ),
    ],
)
def test_what_a_mark_says(marks: list[pytest.MarkDecorator], wishes: Wishes) -> None:
    assert marker.of(marked(*marks)) == wishes


def test_the_nearest_mark_wins_and_what_it_does_not_say_is_said_by_the_others() -> None:
    of_test = wants(timeout=1, config={"num_processes": 1})
    of_module = wants(timeout=9, keep="failed", eager=True, config={"num_processes": 4, "queues": ["tea"]})
    assert marker.of(marked(of_test, of_module)) == Wishes(
        timeout=1,
        keep="failed",
        is_eager=True,
        config={"num_processes": 1, "queues": ["tea"], "dev_mode_force_sync_tasks": True},
    )


def test_a_mark_undoes_what_one_further_away_says() -> None:
    assert not marker.of(marked(wants(eager=False), wants(eager=True))).is_eager


@pytest.mark.parametrize(
    ("mark", "named"),
    [
        (wants("shop.app:app"), "takes keyword arguments only, not ('shop.app:app',)"),
        (wants(tea=1, cake=2), "has no argument cake, tea"),
        (wants(app=print), "app is <built-in function print>"),
        (wants(config=[1]), "config is [1]"),
        (wants(eager="yes"), "eager is 'yes'"),
        (wants(keep="sometimes"), "keep is 'sometimes', not one of "),
        (wants(worker_scope="class"), "worker_scope is 'class', not one of "),
        *((wants(timeout=each), f"timeout is {each!r}, no number of seconds") for each in NO_SECONDS),
        (wants(timeout="1"), "timeout is '1'"),
    ],
)
def test_what_it_does_not_take_is_named(mark: pytest.MarkDecorator, named: str) -> None:
    assert named in marker.what_is_wrong(mark.mark)
    with pytest.raises(MarkerError) as refused:
        marker.check_one(marked(wants(), mark))
    assert str(refused.value).startswith("test_shop.py::test_tea: @pytest.mark.pynenc_mongo")
    assert str(refused.value).endswith(f"; the marker is {marker.SIGNATURE}")


def test_a_run_is_refused_by_whoever_collects_and_no_worker_of_xdist_crashes() -> None:
    wrong = wants(tea=1)
    with pytest.raises(pytest.UsageError, match="has no argument tea"):
        marker.check([marked(), marked(wrong)])
    marker.check([marked(wrong, workerinput={})])


def test_its_signature_names_every_argument_before_the_first_colon() -> None:
    told = marker.SIGNATURE.partition(":")[0]
    assert all(
        f"{name}=" in told for name in ("app", "runner", "config", "eager", "keep", "timeout", "worker_scope")
    )

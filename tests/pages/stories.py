"""Made-up tests: what they called, and how it went."""

from dataclasses import replace
from typing import Any

from pytest_pynenc_mongo.pages.page import Story, counts_of
from pytest_pynenc_mongo.pages.record import Record
from pytest_pynenc_mongo.snapshot import (
    Event,
    Invocation,
    Log,
    Queue,
    Runner,
    Slot,
    Snapshot,
    Step,
    Trigger,
)
from tests import made_up

BEGAN = 1_800_000_000.0
HOSTILE = (
    "</script><script>alert(1)</script><img src=http://evil.example/x.png onerror=alert(2)>"
    "</style></pre>\"'&\x00\x1b[31m\u202e\ud800-->"
)
WORKER = Runner(
    "worker-1", "PersistentProcessRunner", 6303, "tea-house", "", "worker", True, "", (), BEGAN + 1
)


def invocation(id_: str, task: str = "shop.app.brew", *steps: tuple[str, float], **more: Any) -> Invocation:
    """Return an invocation that had these statuses, each from so many seconds on."""
    told = tuple(
        Step(status, BEGAN + at, "" if status in ("registered", "retry") else WORKER.id)
        for status, at in steps
    )
    status, at = steps[-1] if steps else ("registered", 0.0)
    values: dict[str, Any] = {
        "id": id_,
        "task": task,
        "arguments": "cups=3",
        "registered_at": BEGAN + (steps[0][1] if steps else 0.0),
        "status_at": BEGAN + at,
        "steps": told,
        "runner_id": WORKER.id if len(steps) > 1 else "",
        "retries": sum(name == "retry" for name, _ in steps),
        "queue": "shop",
    }
    return made_up.invocation(**{"status": status, **values, **more})


def ran(id_: str, begin: float, end: float, status: str = "success", **more: Any) -> Invocation:
    """Return one that was registered, taken and run."""
    steps = (("registered", begin), ("pending", begin + 0.01), ("running", begin + 0.015), (status, end))
    return replace(invocation(id_, "shop.app.pour", *steps), **more)


def snapshot(*invocations: Invocation, until: float = 1.24, **more: Any) -> Snapshot:
    values: dict[str, Any] = {
        "app_id": "shop",
        "at": BEGAN + until,
        "invocations": invocations,
        "runners": (WORKER,),
    }
    return Snapshot(**(values | more))


def story(*snapshots: Snapshot, nodeid: str = "tests/test_shop.py::test_tea_is_served", **more: Any) -> Story:
    record = Record(
        nodeid=nodeid,
        outcome=str(more.pop("outcome", "failed")),
        phase="call",
        seconds=1.31,
        cause=str(more.pop("cause", "pynenc_mongo.errors.ResultTimeoutError: no result within 1 s")),
        counts=counts_of(snapshots),
    )
    values: dict[str, Any] = {"failure": "E   assert 1 == 2", "sections": (), "snapshots": snapshots}
    return Story(record, **(values | more))


LEAVES = "Darjeeling Second Flush from a garden with a long name"
TRACEBACK = """Traceback (most recent call last):
  File "src/shop/app.py", line 12, in brew
    raise OSError("no water")
OSError: no water"""
CAUSE = "ResultTimeoutError: order a1b2c3d4 waits for ship d00df00d, whose queue 'ships' nobody consumes"
FAILURE = f"""    def test_tea_is_served(pynenc_worker):
>       assert order(7, cups=3).result == "served"
E       {CAUSE}

tests/test_shop.py:14: ResultTimeoutError"""
LINES = (
    "INFO     pynenc.shop:runner.py:88 brew runs",
    "WARNING  pynenc.shop:app.py:12 no water, again",
    "ERROR    pynenc.shop:app.py:12 no water",
)
CIRCLE = "left waits for right, right waits for left"
NEVER_RUN = (
    "it was never run, and has no result: 89abcdef was running, running_concurrency=task allows one, and "
    "reroute_on_concurrency_control is off"
)


def retried(*ends: float) -> tuple[tuple[str, float], ...]:
    """Return the steps of one that was run again and again, and failed at last."""
    begins = (0.03, *ends[:-1])
    runs = (
        (("pending", begin + 0.04), ("running", begin + 0.05), ("retry", end))
        for begin, end in zip(begins, ends, strict=True)
    )
    steps = [("registered", 0.03), *(step for run in runs for step in run)]
    return (*steps[:-1], ("failed", ends[-1]))


def running(id_: str, name: str, at: float, *waits_for: str, **more: Any) -> Invocation:
    steps = (("registered", at), ("pending", at + 0.02), ("running", at + 0.03))
    return invocation(id_, f"shop.app.{name}", *steps, waits_for=waits_for, **more)


def invocations() -> tuple[Invocation, ...]:
    """Return one of each kind, and two that wait for each other."""
    order = "a1b2c3d4-1"
    refused = (("pending", 0.53), ("concurrency_controlled", 0.54), ("concurrency_controlled_final", 0.55))
    return (
        running(order, "order", 0.0, "b7c8d9e0-2", "d00df00d-4", arguments="table=7, cups=3"),
        invocation(
            "b7c8d9e0-2",
            "shop.app.brew",
            *retried(0.4, 0.7, 0.93),
            max_retries=2,
            parent_id=order,
            arguments=f"cups=3, water='boiling hot', leaves='{LEAVES}'",
            exception="OSError: no water",
            traceback=TRACEBACK,
        ),
        ran("c0ffee00-3", 0.035, 0.39, result="{'paid': 12.5, 'currency': 'EUR'}", parent_id=order),
        invocation(
            "d00df00d-4",
            "shop.app.ship",
            ("registered", 0.041),
            queue="ships",
            parent_id=order,
            stuck="nobody consumes queue 'ships' of ship, only 'shop' is consumed",
        ),
        running("1ef70000-5", "left", 0.2, "419470000-6", arguments="1", stuck=CIRCLE),
        running("419470000-6", "right", 0.24, "1ef70000-5", arguments="2", stuck=CIRCLE),
        invocation(
            "89abcdef-8",
            "shop.app.once",
            *(("registered", 0.45), ("pending", 1.0), ("running", 1.02)),
            arguments="",
        ),
        invocation(
            "0123abcd-7",
            "shop.app.once",
            ("registered", 0.5),
            *refused,
            arguments="",
            remarks=(NEVER_RUN,),
        ),
        replace(
            running("dead0000-0", "mill", 0.3),
            runner_id="worker-3",
            stuck="process 6311 that ran mill ended with SIGSEGV",
        ),
        ran("c04e0000-9", 0.1, 0.2, is_core=True, arguments="of pynenc's own"),
    )


def full() -> Story:
    """A test in which everything happened."""
    killed = replace(WORKER, id="worker-3", pid=6311, is_alive=False, end="SIGSEGV")
    runner = replace(WORKER, id="runner-2", kind="ThreadRunner", pid=6291, role="runner", queues=("shop",))
    told = snapshot(
        *invocations(),
        runners=(WORKER, runner, killed),
        queues=(Queue("shop", (), (WORKER.id, runner.id)), Queue("ships", ("d00df00d-4",), ())),
        slots=(Slot("shop.app.once", "89abcdef-8"),),
        triggers=(
            Trigger("shop.app.report", ("cron '0 3 * * *'",), "and", 0, ""),
            Trigger("shop.app.wash", ("event 'served'", "event 'paid'"), "and", 0, "no event 'served' came"),
        ),
        events=(Event("paid", BEGAN + 0.4, "{'table': 7}", True, ()),),
        logs=(
            Log("pynenc_worker 6303", 6303, "", LINES),
            Log("pynenc_worker 6311, ended with SIGSEGV", 6311, "SIGSEGV", ()),
        ),
    )
    return story(
        told,
        failure=FAILURE,
        cause=CAUSE,
        sections=(("Captured stdout call", "the shop is open"), ("Captured log call", LINES[0])),
    )


def hostile() -> Story:
    """A test whose every text is an attempt to break out of the page."""
    one = ran(
        HOSTILE,
        0,
        0.3,
        "failed",
        **dict.fromkeys(("task", "arguments", "exception", "traceback", "result", "stuck"), HOSTILE),
        remarks=(HOSTILE,),
        waits_for=(HOSTILE,),
    )
    told = snapshot(
        one,
        app_id=HOSTILE,
        runners=(replace(WORKER, kind=HOSTILE, host=HOSTILE, role=HOSTILE, end=HOSTILE, queues=(HOSTILE,)),),
        queues=(Queue(HOSTILE, (HOSTILE,), (HOSTILE,)),),
        slots=(Slot(HOSTILE, HOSTILE),),
        triggers=(Trigger(HOSTILE, (HOSTILE,), "and", 0, HOSTILE),),
        events=(Event(HOSTILE, BEGAN, HOSTILE, True, (HOSTILE,)),),
        logs=(Log(HOSTILE, 1, HOSTILE, (HOSTILE,)),),
        nobody_runs=HOSTILE,
        unread=(HOSTILE,),
    )
    return story(
        told,
        nodeid=f"tests/test_shop.py::test[{HOSTILE}]",
        cause=HOSTILE,
        failure=HOSTILE,
        sections=((HOSTILE, HOSTILE),),
    )


def one(**more: Any) -> Story:
    """A test with one invocation, which succeeded."""
    return story(snapshot(ran("c0ffee00-3", 0.0, 0.4)), **more)


def two_apps() -> Story:
    tea = snapshot(ran("7ea00000-1", 0.0, 0.4), app_id="tea")
    return replace(full(), snapshots=(*full().snapshots, tea))


def many(number: int) -> Story:
    """A test with so many invocations, of which every tenth failed."""
    each = (ran(f"{n:08x}", n / 200, n / 200 + 0.2, "success" if n % 10 else "failed") for n in range(number))
    return story(snapshot(*each, until=number / 200 + 1, left_out=30))


def all_of_them() -> dict[str, Story]:
    """Return the tests by what is in them, each with an id of its own."""
    told = {
        "full": full(),
        "hostile": hostile(),
        "many": many(500),
        "one": one(),
        "no invocation": story(snapshot(runners=())),
        "no history": story(snapshot(invocation("a1"))),
        "two apps": two_apps(),
        "passed": one(outcome="passed", cause="", failure=""),
    }
    return {
        name: replace(each, record=replace(each.record, nodeid=f"{each.record.nodeid}[{name}]"))
        for name, each in told.items()
    }

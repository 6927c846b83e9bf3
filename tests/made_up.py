"""Made-up parts of a snapshot."""

from typing import Any

from pytest_pynenc_mongo.snapshot import Invocation

_NOTHING_SPECIAL = {
    "is_core": False,
    "runner_id": "",
    "retries": 0,
    "max_retries": 0,
    "queue": "default",
    "parent_id": "",
    "event_id": "",
    "waits_for": (),
    "result": "",
    "exception": "",
    "traceback": "",
    "remarks": (),
    "stuck": "",
}


def invocation(status: str, **values: Any) -> Invocation:
    """Return an invocation with which nothing is the matter but what `values` say."""
    is_final = status in ("success", "failed", "concurrency_controlled_final")
    return Invocation(**{**_NOTHING_SPECIAL, "status": status, "is_final": is_final, **values})

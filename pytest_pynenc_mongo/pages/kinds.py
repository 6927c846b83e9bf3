"""What kinds of status a page tells apart, each with a colour, a sign and words."""

# kind: what the legend says
LEGEND = {
    "queued": "in a queue",
    "taken": "taken by a runner (pending)",
    "success": "ran: success",
    "failed": "ran: failed",
    "retried": "ran: to be retried",
    "lost": "ran: lost, taken back",
    "running": "runs still",
    "died": "its process has died",
    "refused": "not run: concurrency control",
}
SIGNS = {
    "queued": "…",
    "taken": "…",
    "success": "✓",
    "failed": "✗",
    "retried": "↻",
    "lost": "↩",
    "running": "▶",
    "died": "†",
    "refused": "⊘",
}
NAMES = {
    "queued": "queued",
    "taken": "pending",
    "success": "success",
    "failed": "failed",
    "retried": "to be retried",
    "lost": "lost",
    "running": "running",
    "died": "died",
    "refused": "not run",
}
HELD = frozenset({"pending", "running", "paused"})  # by a runner
FINAL = frozenset({"success", "failed", "concurrency_controlled_final"})

_OF_STATUS = {
    "pending": "taken",
    "pending_recovery": "lost",
    "running": "running",
    "running_recovery": "lost",
    "paused": "running",
    "killed": "lost",
    "retry": "retried",
    "success": "success",
    "failed": "failed",
    "concurrency_controlled": "refused",
    "concurrency_controlled_final": "refused",
}
_HAS_RUN = ("success", "failed", "retried", "lost")


def kind_of(status: str) -> str:
    """Return the kind of a pynenc status."""
    return _OF_STATUS.get(status, "queued")


def kind_of_span(status: str, following: str) -> str:
    """Return the kind of the time with a status, by the status that followed; empty if none did."""
    kind = kind_of(status)
    if kind == "running":
        ended = kind_of(following)
        return ended if following and ended in _HAS_RUN else "running"
    return kind if kind == "taken" else "queued"


def kind_of_test(outcome: str) -> str:
    """Return the kind whose colour and sign a test has, by the outcome of its report."""
    return {"passed": "success", "skipped": "queued"}.get(outcome, "failed")

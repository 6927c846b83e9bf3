"""A snapshot in words, for a failed test's report."""

from pytest_pynenc_mongo.snapshot import Invocation, Snapshot


def lines(snapshot: Snapshot) -> list[str]:
    """Return the story of a snapshot."""
    suspicious_first = sorted(snapshot.own, key=lambda each: not each.is_suspicious)
    return [*map(_line, suspicious_first), *filter(None, [snapshot.nobody_runs]), *snapshot.unread]


def _line(invocation: Invocation) -> str:
    said = invocation.exception or invocation.stuck or invocation.result
    return f"{invocation.short_id} {invocation.name}({invocation.arguments}) {invocation.status} {said}"

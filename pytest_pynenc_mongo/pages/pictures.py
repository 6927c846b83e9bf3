"""Which invocations of a snapshot are drawn, and how they are called."""

from collections.abc import Sequence

from pytest_pynenc_mongo.pages import graph, timeline
from pytest_pynenc_mongo.pages.durations import in_words
from pytest_pynenc_mongo.pages.kinds import HELD, kind_of
from pytest_pynenc_mongo.snapshot import Invocation, Snapshot
from pytest_pynenc_mongo.wording import ONE_CLOCK_SECONDS, Wording

_MOST_LANES = 60
_MOST_NODES = 40
_SHORTEST_SECONDS = 0.001


def key_of(invocation: Invocation) -> str:
    """Return the id of an invocation's row on the page."""
    return f"i-{invocation.id}"


def who(words: Wording, runner_id: str) -> str:
    """Return who had an invocation in a few words; empty for nobody."""
    return words.runner(runner_id) if runner_id else ""


def since(at: float, words: Wording) -> str:
    """Return when something was, seen from the first invocation."""
    seconds = at - words.snapshot.began
    return f"+{in_words(max(seconds, 0))}" if abs(seconds) < ONE_CLOCK_SECONDS else "?"


def has_died(invocation: Invocation, words: Wording) -> bool:
    """Return whether the runner that has an unfinished invocation is known to be dead."""
    runner = words.snapshot.runner_of.get(invocation.runner_id)
    return invocation.status in HELD and runner is not None and not runner.is_alive


def kind_in(invocation: Invocation, words: Wording) -> str:
    """Return the kind of an invocation's status."""
    return "died" if has_died(invocation, words) else kind_of(invocation.status)


def about(invocation: Invocation, words: Wording) -> str:
    """Return what a name in a picture has under it."""
    retries = f"{invocation.retries} {'retry' if invocation.retries == 1 else 'retries'}"
    parts = (
        invocation.short_id,
        invocation.status,
        retries if invocation.retries else "",
        who(words, invocation.runner_id),
        invocation.exception,
    )
    return " · ".join(filter(None, parts))


def timeline_of(words: Wording, end: str) -> timeline.Timeline:
    """Return lanes of the user's invocations, of the suspicious ones first where there are too many."""
    chosen = _chosen(words.snapshot.own, _MOST_LANES)
    began, until = _span(chosen, words.snapshot.at)
    return timeline.Timeline(
        lanes=tuple(_lane(each, words, began, until) for each in chosen),
        waits=tuple(timeline.Wait(*edge) for edge in edges_of(words.snapshot)),
        until=until - began,
        end=end,
    )


def _span(invocations: Sequence[Invocation], now: float) -> tuple[float, float]:
    """Return the instants of the axis's ends: of this clock, or of the frozen one that all of them have."""
    instants = [at for each in invocations for _, at in _statuses(each)]
    of_this_clock = [at for at in instants if abs(now - at) < ONE_CLOCK_SECONDS]
    began = min(of_this_clock or instants)
    until = max(*of_this_clock, now) if of_this_clock else max(instants)
    return began, max(until, began + _SHORTEST_SECONDS)


def graph_of(words: Wording) -> graph.Graph:
    """Return those that wait, and those that they wait for."""
    edges = edges_of(words.snapshot)
    involved = {key for edge in edges for key in edge}
    nodes = [each for each in words.snapshot.own if key_of(each) in involved][:_MOST_NODES]
    return graph.Graph(
        tuple(
            graph.Node(key_of(each), words.call(each), about(each, words), kind_in(each, words))
            for each in nodes
        ),
        edges,
    )


def edges_of(snapshot: Snapshot) -> tuple[graph.Edge, ...]:
    own = {each.id: each for each in snapshot.own}
    return tuple(
        graph.Edge(key_of(each), key_of(own[waited]))
        for each in own.values()
        for waited in each.waits_for
        if waited in own
    )


def _chosen(invocations: Sequence[Invocation], most: int) -> list[Invocation]:
    first = sorted(invocations, key=lambda each: not each.is_suspicious)[:most]
    kept = {each.id for each in first}
    return [each for each in invocations if each.id in kept]


def _lane(invocation: Invocation, words: Wording, began: float, until: float) -> timeline.Lane:
    return timeline.Lane(
        key_of(invocation),
        words.call(invocation),
        about(invocation, words),
        tuple(
            timeline.Step(status, min(max(at, began), until) - began) for status, at in _statuses(invocation)
        ),
        has_died=has_died(invocation, words),
    )


def _statuses(invocation: Invocation) -> Sequence[tuple[str, float]]:
    """Return its statuses with their instants; the first and the last one where no more is told."""
    first, last = ("registered", invocation.registered_at), (invocation.status, invocation.status_at)
    return [(step.status, step.at) for step in invocation.steps] or [first, last]

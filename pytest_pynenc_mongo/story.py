"""A snapshot in words, for a failed test's report: what happened first, then who and when, then the rest.

At most 80 columns, and at most 60 lines. Pure: nothing is asked.
"""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from pytest_pynenc_mongo.snapshot import CONTROLLED_FINAL, Invocation, Snapshot, Trigger
from pytest_pynenc_mongo.wording import Wording, folded, plain, shortened

COLUMNS, LINES = 80, 60
_MOST_SENTENCES, _MOST_SUSPICIOUS, _MOST_OTHERS, _MOST_OF_EACH = 6, 8, 8, 4
_MOST_LINES_EACH = 4  # of a sentence, of a history
_MOST_TRACEBACK_LINES = 14
_NARROWEST_CALL, _WIDEST_WHO = 12, 24
_WIDTH_OF_THE_REST = 26  # of a row: its mark, the id, the seconds, the spaces between
_INDENT = " " * 12


def lines(snapshot: Snapshot, already_said: str = "") -> list[str]:
    """Return the story of a snapshot.

    :param already_said: what the report says above it: tracebacks that stand there are left out
    """
    story = _Story(snapshot)
    blocks = [story.what_happened(), story.table(), story.circumstances(), story.tracebacks(already_said)]
    told: list[str] = []
    for block in filter(None, blocks):
        told += ["", *block] if told else block
    if len(told) > LINES:
        told = [*told[: LINES - 1], f"... and {len(told) - LINES + 1} lines more"]
    return [shortened(plain(line), COLUMNS) for line in told]


def sentences(snapshot: Snapshot) -> list[str]:
    """Return what happened in sentences, the likeliest cause of a failure first; of any length."""
    return _Story(snapshot).sentences()


class _Story:
    """The parts of a story, each a block of lines."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._words = Wording(snapshot)
        self._suspicious = sorted(filter(_is_suspicious, snapshot.own), key=_severity)
        self._others = [each for each in snapshot.own if not _is_suspicious(each)]

    # what happened

    def what_happened(self) -> list[str]:
        """Return a sentence for each thing that may be what the test failed of."""
        sentences = self.sentences()
        told = [line for each in sentences[:_MOST_SENTENCES] for line in _wrapped(each)]
        return [*told, *_and_more(len(sentences), _MOST_SENTENCES, "more to tell")]

    def sentences(self) -> list[str]:
        """Return those sentences, one of those that say the same."""
        return list({_gist(each): each for each in reversed([*self._sentences()])}.values())[::-1]

    def _sentences(self) -> Iterator[str]:
        snapshot = self._snapshot
        yield from filter(str.strip, snapshot.unread)
        if snapshot.nobody_runs and any(not each.is_final for each in snapshot.own):
            yield snapshot.nobody_runs
        for each in self._suspicious:
            yield from self._on(each)
        # of what was emitted something was to come
        if any(not event.triggered for event in snapshot.events):
            yield from (self._on_trigger(each) for each in snapshot.triggers if each.remark)
        if not self._suspicious and not any(map(str.strip, snapshot.unread)):
            yield self._all_is_well()

    def _on(self, invocation: Invocation) -> Iterator[str]:
        """Return what there is to say of a suspicious invocation."""
        named = self._words.named(invocation)
        if invocation.has_failed:
            runs = f" in the last of {invocation.retries + 1} runs" if invocation.retries else ""
            yield f"{named} failed{runs}: {invocation.exception or 'no exception is stored'}"
        elif invocation.stuck:
            why = invocation.stuck.partition(" never ends: ")[2] or invocation.stuck
            yield f"{named}, {invocation.status}, is stuck: {why}"
        elif not invocation.is_final:
            yield f"{named} has been {self._words.state(invocation)}"
        for remark in invocation.remarks:
            yield f"{named}: {remark}"

    def _on_trigger(self, trigger: Trigger) -> str:
        return f"{self._words.task(trigger.task)} was not triggered: {trigger.remark}"

    def _all_is_well(self) -> str:
        count = len(self._snapshot.own) + self._snapshot.left_out
        app = f"app {self._snapshot.app_id!r}"
        if not count:
            return f"no task of {app} was called"
        return (
            f"the {count} invocations of {app} ended well"
            if count > 1
            else f"the one invocation of {app} ended well"
        )

    # who and when

    def table(self) -> list[str]:
        """Return a row for each invocation, the suspicious ones first and with their history."""
        suspicious, others = self._suspicious[:_MOST_SUSPICIOUS], self._others[-_MOST_OTHERS:]
        rows = [*suspicious, *others]
        if not rows:
            return []
        calls, whos = [self._words.call(each) for each in rows], [self._words.owner(each) for each in rows]
        of_status, of_who = max(len(each.status) for each in rows), min(max(map(len, whos)), _WIDEST_WHO)
        left = COLUMNS - _WIDTH_OF_THE_REST - of_status - of_who
        widths = (min(max(map(len, calls)), max(left, _NARROWEST_CALL)), of_status, of_who)
        told = []
        for each, call, who in zip(rows, calls, whos, strict=True):
            told += self._row(each, call, who, widths)
        left_out = self._snapshot.left_out + len(self._suspicious) + len(self._others) - len(rows)
        return [*told, *self._left_out(left_out)]

    def _row(self, invocation: Invocation, call: str, who: str, widths: tuple[int, int, int]) -> list[str]:
        of_call, of_status, of_who = widths
        is_suspicious = _is_suspicious(invocation)
        columns = (
            f"{'>' if is_suspicious else ' '} {invocation.short_id:8}",
            f"{shortened(call, of_call):{of_call}}",
            f"{invocation.status:{of_status}}",
            f"{shortened(who, of_who):{of_who}}",
            self._words.took(invocation),
        )
        row = "  ".join(columns).rstrip()
        outcome = _outcome(invocation)
        if outcome and len(row) + 2 + len(outcome) <= COLUMNS:
            row, outcome = f"{row}  {outcome}", ""
        history = self._history(invocation) if is_suspicious else []
        under = [_INDENT + outcome] if outcome else []
        return [row, *under, *history]

    def _history(self, invocation: Invocation) -> list[str]:
        told = [""]
        for piece in folded(invocation.steps, self._snapshot.began):
            if len(_INDENT) + len(told[-1]) + 2 + len(piece) > COLUMNS and told[-1]:
                told.append("")
            told[-1] += f"  {piece}" if told[-1] else piece
        return [_INDENT + line for line in told[:_MOST_LINES_EACH]]

    def _left_out(self, count: int) -> list[str]:
        if not count:
            return []
        kinds = Counter(each.status for each in self._suspicious[_MOST_SUSPICIOUS:])
        among = ", ".join(f"{number} {status}" for status, number in kinds.items())
        return _wrapped(f"  and {count} more invocations" + (f", {among} among them" if among else ""))

    # what else there is

    def circumstances(self) -> list[str]:
        """Return who waits for whom, what is queued, who holds what, what triggers, and who runs tasks."""
        parts = (
            self._waits(),
            self._queues(),
            self._slots(),
            self._events(),
            self._triggers(),
            self._runners(),
        )
        return [line for part in parts for line in _first(list(part))]

    def _waits(self) -> Iterator[str]:
        for each in self._snapshot.own:
            if each.waits_for:
                waited = ", ".join(map(self._words.named_by, each.waits_for[:_MOST_OF_EACH]))
                yield f"{self._words.named(each)} waits for {waited}{_more(each.waits_for)}"

    def _queues(self) -> Iterator[str]:
        for queue in self._snapshot.queues:
            waiting = ", ".join(map(self._words.named_by, queue.waiting[:_MOST_OF_EACH]))
            consumers = " and ".join(dict.fromkeys(map(self._words.runner, queue.consumers[:_MOST_OF_EACH])))
            takes = f"{consumers} takes from it" if consumers else "nobody consumes it"
            yield f"queue {queue.name!r}: {waiting}{_more(queue.waiting)}; {takes}"

    def _slots(self) -> Iterator[str]:
        for slot in self._snapshot.slots:
            holder = self._snapshot.invocation_of.get(slot.holder_id)
            state = f", {self._words.state(holder)}" if holder else ""
            held_by = self._words.named_by(slot.holder_id)
            yield f"slot of {self._words.task(slot.task)}: held by {held_by}{state}"

    def _triggers(self) -> Iterator[str]:
        triggers = self._snapshot.triggers
        fired, rest = [each for each in triggers if each.fired], [each for each in triggers if not each.fired]
        waiting = [each for each in rest if each.is_registered]
        unknown = [each for each in rest if not each.is_registered]
        for what, some in (
            ("triggers that fired", fired),
            ("triggers that did not fire", waiting),
            ("triggers that no runner has registered", unknown),
        ):
            if some:
                yield f"{what}: {'; '.join(map(self._words.trigger, some))}"

    def _events(self) -> Iterator[str]:
        for event in self._snapshot.events:
            made = ", ".join(map(self._words.named_by, event.triggered[:_MOST_OF_EACH]))
            came_of_it = (
                f"triggered {made}" if made else "matched" if event.is_matched else "nobody waits for it"
            )
            at = self._words.ago(event.at)
            yield f"event {event.code!r} {shortened(event.payload, 40)}, {at}: {came_of_it}"

    def _runners(self) -> Iterator[str]:
        for runner in self._snapshot.runners:
            if runner.role != "test":
                yield self._words.about_runner(runner)

    # how it went

    def tracebacks(self, already_said: str) -> list[str]:
        """Return the traceback of the worst failure that the report does not have yet."""
        for each in self._suspicious:
            text = each.traceback.splitlines()
            if text and not all(line.strip() in already_said for line in text):
                last = text[-_MOST_TRACEBACK_LINES:]
                head = f"traceback of {self._words.named(each)}:"
                return [head, *last]
        return []


def _is_suspicious(invocation: Invocation) -> bool:
    return invocation.is_suspicious


def _severity(invocation: Invocation) -> tuple[int, float]:
    """Return what sorts those first that tell most, and of equals the earlier one."""
    reasons = (
        bool(invocation.stuck),
        bool(invocation.remarks),
        invocation.has_failed or invocation.status == CONTROLLED_FINAL,
    )
    place = next((place for place, is_so in enumerate(reasons) if is_so), len(reasons))
    return place, invocation.registered_at


def _gist(sentence: str) -> frozenset[str]:
    """Return what is the same for two sentences on one circle of waits, seen from each of its members."""
    _, circle, waits = sentence.partition(", is stuck: ")
    return frozenset(waits.split(", ")) if circle and " waits for " in waits else frozenset({sentence})


def _outcome(invocation: Invocation) -> str:
    """Return what came of an invocation, but for a failure that the sentences above tell."""
    runs = f"{invocation.retries + 1} runs of {invocation.max_retries + 1}" if invocation.retries else ""
    result = f"-> {invocation.result}" if invocation.result else ""
    return "  ".join(filter(None, (runs, result, invocation.exception)))


def _wrapped(text: str) -> list[str]:
    wrapped = textwrap.wrap(plain(text), COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
    if len(wrapped) > _MOST_LINES_EACH:
        return [*wrapped[: _MOST_LINES_EACH - 1], f"{wrapped[_MOST_LINES_EACH - 1][: COLUMNS - 4]} ..."]
    return wrapped


def _first(sentences: Sequence[str]) -> list[str]:
    told = [line for each in sentences[:_MOST_OF_EACH] for line in _wrapped(each)[:2]]
    return [*told, *_and_more(len(sentences), _MOST_OF_EACH, "more like that")]


def _and_more(count: int, told: int, what: str) -> list[str]:
    return [f"  and {count - told} {what}"] if count > told else []


def _more(ids: Sequence[str]) -> str:
    return f" and {len(ids) - _MOST_OF_EACH} more" if len(ids) > _MOST_OF_EACH else ""

"""A snapshot as tables: invocations, how they went, queues, slots, triggers, events, runners, logs."""

import re
from collections.abc import Iterable, Iterator, Sequence

from pytest_pynenc_mongo.pages.durations import in_words
from pytest_pynenc_mongo.pages.kinds import SIGNS, kind_of
from pytest_pynenc_mongo.pages.markup import Markup, element, together
from pytest_pynenc_mongo.pages.pictures import key_of, kind_in, since, who
from pytest_pynenc_mongo.snapshot import Invocation, Log, Runner
from pytest_pynenc_mongo.wording import Wording

_CLASSES = {"took": "number", "retries": "number", "status": "short", "who": "name"}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], ids: Iterable[str] = ()) -> Markup:
    """Return a table, or nothing without rows; in a narrow window each cell has its column's head before it.

    :param ids: those of the rows, for links
    """
    names = iter(ids)
    body = [element("tr", *map(_cell, heads, row), id=next(names, None)) for row in rows]
    if not body:
        return Markup()
    head = (element("th", head, scope="col", class_=_CLASSES.get(head)) for head in heads)
    return element("table", element("thead", element("tr", *head)), element("tbody", *body))


def _cell(head: str, content: str) -> Markup:
    return element("td", content, data_label=head, class_=_CLASSES.get(head))


def status(name: str, kind: str = "") -> Markup:
    kind = kind or kind_of(name)
    return element("span", f"{SIGNS[kind]} {name}", class_=f"status {kind}")


def invocations(words: Wording) -> Markup:
    """Return the invocations, the suspicious ones first."""
    shown = sorted(words.snapshot.own, key=lambda each: not each.is_suspicious)
    rows = (
        (
            _call(each, words),
            status(each.status, kind_in(each, words)),
            "" if each.seconds is None else in_words(each.seconds),
            _retries(each),
            who(words, each.runner_id),
            _outcome(each),
        )
        for each in shown
    )
    heads = ("invocation", "status", "took", "retries", "who", "what came of it")
    return table(heads, rows, map(key_of, shown))


def _call(invocation: Invocation, words: Wording) -> Markup:
    name = element("code", element("b", words.task(invocation.task)), f"({invocation.arguments})")
    return together(name, " ", element("small", invocation.short_id, title=invocation.id))


def _retries(invocation: Invocation) -> str:
    most = f" of {invocation.max_retries}" if invocation.max_retries else ""
    return f"{invocation.retries}{most}" if invocation.retries or most else ""


def _outcome(invocation: Invocation) -> Markup:
    stored = (("code", invocation.result), ("code", invocation.exception), ("div", invocation.stuck))
    remarks = (("div", remark) for remark in invocation.remarks)
    return together(*(element(tag, text) for tag, text in (*stored, *remarks) if text))


def histories(words: Wording) -> Iterator[Markup]:
    """Return how each suspicious invocation went, folded, with its task's own traceback."""
    for each in words.snapshot.own:
        if each.is_suspicious and (each.steps or each.traceback):
            name = element("code", words.call(each))
            summary = together(
                status(each.status, kind_in(each, words)), " ", name, " ", element("small", each.short_id)
            )
            traceback = element("pre", each.traceback) if each.traceback else ""
            yield element("details", element("summary", summary), traceback, _history(each, words))


def _history(invocation: Invocation, words: Wording) -> Markup:
    rows = (
        (since(step.at, words), status(step.status), who(words, step.runner_id)) for step in invocation.steps
    )
    return table(("at", "status", "by"), rows)


def queues(words: Wording) -> Markup:
    rows = (
        (
            element("code", queue.name),
            _links(queue.waiting, words) or "nothing",
            "; ".join(who(words, key) for key in queue.consumers)
            or element("span", "nobody", class_="status failed" if queue.waiting else "quiet"),
        )
        for queue in words.snapshot.queues
    )
    return table(("queue", "waiting in it", "consumed by"), rows)


def slots(words: Wording) -> Markup:
    rows = (
        (element("code", words.task(slot.task)), _links([slot.holder_id], words))
        for slot in words.snapshot.slots
    )
    return table(("one at a time", "held by"), rows)


def triggers(words: Wording) -> Markup:
    rows = (
        (
            element("code", words.task(trigger.task)),
            f" {trigger.logic} ".join(trigger.conditions),
            str(trigger.fired or "never"),
            trigger.remark,
        )
        for trigger in words.snapshot.triggers
    )
    return table(("task", "triggered by", "fired", "remark"), rows)


def events(words: Wording) -> Markup:
    rows = (
        (
            since(event.at, words),
            element("code", event.code),
            element("code", event.payload),
            _links(event.triggered, words) or ("nothing" if event.is_matched else "nobody waited for it"),
        )
        for event in words.snapshot.events
    )
    return table(("at", "event", "payload", "started"), rows)


def _links(ids: Iterable[str], words: Wording) -> Markup:
    return together(*(_link(invocation_id, words) for invocation_id in ids), between=", ")


def _link(invocation_id: str, words: Wording) -> Markup:
    invocation = words.snapshot.invocation_of.get(invocation_id)
    if invocation is None or invocation.is_core:
        return element("code", invocation_id[:8])
    return element("a", words.named(invocation), href=f"#{key_of(invocation)}")


def linked(sentence: str, words: Wording) -> Markup:
    """Return a sentence whose short ids lead to the rows of their invocations."""
    shown = {each.short_id: each for each in words.snapshot.own if each.short_id.strip()}
    if not shown:
        return together(sentence)
    parts = re.split(f"({'|'.join(map(re.escape, shown))})", sentence)
    return together(
        *(element("a", part, href=f"#{key_of(shown[part])}") if part in shown else part for part in parts)
    )


def runners(words: Wording) -> Markup:
    rows = (
        (
            words.runner(runner.id),
            runner.kind,
            element("code", runner.id[:8], title=runner.id),
            runner.host,
            ", ".join(runner.queues) or "all queues",
            _life(runner),
        )
        for runner in words.snapshot.runners
    )
    return table(("runner", "kind", "id", "host", "takes from", "now"), rows)


def _life(runner: Runner) -> Markup:
    if runner.is_alive:
        return element("span", "alive", class_="status success")
    return element("span", f"ended: {runner.end}" if runner.end else "ended", class_="status failed")


def log(tail: Log) -> Markup:
    return together(element("h3", tail.title), element("pre", "\n".join(tail.lines) or "(it wrote nothing)"))

"""Whatever the stores hold, there is a page of it."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pynenc.invocation.status import InvocationStatus

from pytest_pynenc_mongo.pages import page
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
from tests.pages import stories
from tests.pages.reading import Page

STATUSES = (*(status.value for status in InvocationStatus), "of a later pynenc")

instants = st.floats(0, 4e9)
statuses = st.sampled_from(STATUSES)
# few, so that things refer to each other
ids = st.sampled_from(["", "a", "b1b1b1b1-b", "<i>", stories.WORKER.id])


def tuples[T](each: st.SearchStrategy[T], most: int = 4) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(each, max_size=most).map(tuple)


invocations = st.lists(
    st.builds(
        Invocation,
        id=ids,
        status=statuses,
        registered_at=instants,
        status_at=instants,
        steps=tuples(st.builds(Step, status=statuses, at=instants, runner_id=ids)),
        runner_id=ids,
        waits_for=tuples(ids),
        parent_id=ids,
    ),
    max_size=4,
    unique_by=lambda each: each.id,
).map(tuple)
snapshots = st.builds(
    Snapshot,
    at=instants,
    invocations=invocations,
    runners=tuples(st.builds(Runner, id=ids, parent_id=ids, seen_at=st.none() | instants)),
    queues=tuples(st.builds(Queue, waiting=tuples(ids), consumers=tuples(ids))),
    slots=tuples(st.builds(Slot, holder_id=ids)),
    triggers=tuples(st.builds(Trigger)),
    events=tuples(st.builds(Event, at=instants, triggered=tuples(ids))),
    logs=tuples(st.builds(Log)),
)


@settings(max_examples=60, deadline=None)
@given(tuples(snapshots, most=1))
def test_any_snapshot_has_a_page_whose_links_lead_somewhere(told: tuple[Snapshot, ...]) -> None:
    html = page.html_of(stories.story(*told))
    html.encode()
    read = Page(html)
    assert {link.removeprefix("#") for link in read.links} <= {"index.html", "data:,", *read.ids}
    assert not [each for each in read.all("rect") if "-" in each.attributes["width"] + each.attributes["x"]]

"""MongoBroker and pynenc's MemBroker take the same steps and deliver the same."""

from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pynenc import Pynenc
from pynenc.broker.mem_broker import MemBroker
from pynenc.identifiers.invocation_id import InvocationId

from pynenc_mongo.broker.mongo_broker import MongoBroker
from tests.orchestrator.helpers import app_at
from tests.reproducible import played

QUEUES = ("default", "slow", "$odd.queue".replace("$", "").replace(".", "_"))
PRIORITIES = (-1.5, 0.0, 7.0)


class Brokers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        settings_of_queues = {"queues": QUEUES}
        memory_app = Pynenc(config_values={"app_id": f"memory-{uuid4().hex}", **settings_of_queues})
        mongo_app = app_at("mongomock://", f"machine_{uuid4().hex}")
        mongo_app.config_values = {**(mongo_app.config_values or {}), **settings_of_queues}
        self.memory, self.mongo = MemBroker(memory_app), MongoBroker(mongo_app)
        self.routed = 0

    @rule(queue=st.sampled_from(QUEUES), priority=st.sampled_from(PRIORITIES), count=st.integers(0, 4))
    def route_batch(self, queue: str, priority: float, count: int) -> None:
        ids = [InvocationId(f"{self.routed + place}") for place in range(count)]
        self.routed += count
        for broker in (self.memory, self.mongo):
            broker.route_invocations(ids, queue, priority)

    @rule(queue=st.sampled_from(QUEUES), priority=st.sampled_from(PRIORITIES), again=st.booleans())
    def route_one(self, queue: str, priority: float, again: bool) -> None:
        self.routed += not again
        for broker in (self.memory, self.mongo):
            broker.route_invocation(InvocationId(f"{self.routed}"), queue, priority)

    @rule(queue=st.sampled_from((None, *QUEUES)))
    def retrieve(self, queue: str | None) -> None:
        assert self.mongo.retrieve_invocation(queue) == self.memory.retrieve_invocation(queue)

    @rule()
    def purge(self) -> None:
        for broker in (self.memory, self.mongo):
            broker.purge()

    @invariant()
    def they_count_the_same(self) -> None:
        for queues in (None, (), QUEUES[:1], QUEUES):
            assert self.mongo.count_invocations(queues) == self.memory.count_invocations(queues)


TestBrokers = Brokers.TestCase
TestBrokers.settings = played(8, 40, steps=40)

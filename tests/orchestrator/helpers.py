"""Invocations to orchestrate."""

from typing import Any

from pynenc import Pynenc
from pynenc.arguments import Arguments
from pynenc.call import Call
from pynenc.conf.config_task import ConcurrencyControlType
from pynenc.invocation import DistributedInvocation
from pynenc.invocation.status import InvocationStatus

from pynenc_mongo.builder import COMPONENTS

# what nobody comes to by himself once its owner is dead, as docs/crash-tests.md has it
READY = (InvocationStatus.REGISTERED, InvocationStatus.REROUTED, InvocationStatus.RETRY)
HALFWAY = (
    InvocationStatus.PENDING_RECOVERY,
    InvocationStatus.RUNNING_RECOVERY,
    InvocationStatus.KILLED,
    InvocationStatus.CONCURRENCY_CONTROLLED,
)

shop = Pynenc(config_values={"app_id": "orchestrated shop"})


@shop.task
def bake(cake: str = "plain") -> str:
    return cake


@shop.task
def sell(cake: str = "plain") -> str:
    return cake


@shop.task(running_concurrency=ConcurrencyControlType.TASK)
def print_label() -> None:
    """One at a time."""


TASKS = {"bake": bake, "sell": sell}


def invocation_of(task: Any, **arguments: str) -> DistributedInvocation[Any, Any]:
    """Return a new invocation that nothing has stored yet."""
    return DistributedInvocation.isolated(Call(task, Arguments(arguments)))


def app_at(url: str, database: str, app_id: str = "shop") -> Pynenc:
    """Return an app on MongoDB, but for its triggers, which are in memory."""
    stores = {**COMPONENTS, "trigger_cls": "MemTrigger"}
    return Pynenc(config_values={"app_id": app_id, "mongo_url": url, "mongo_db": database, **stores})

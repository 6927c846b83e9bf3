"""Which stores a runner's processes can reach."""

from pynenc.exceptions import RunnerNotExecutableError
from pynenc.runner.base_runner import BaseRunner
from pynenc.util.subclasses import get_subclass

from pynenc_mongo.conf.address import MongoAddress
from pynenc_mongo.errors import MongoStoreNotSharedError
from pynenc_mongo.storage.mock import REMEDY


def refuse_unshared_store(address: MongoAddress, runner_cls: str) -> None:
    """Refuse a store of one process where the app's runner has several.

    :raises MongoStoreNotSharedError: naming the store, the runner and the remedy
    """
    if address.is_shared or _stays_in_one_process(runner_cls):
        return
    raise MongoStoreNotSharedError(
        f"{address.masked} ({address.source}) is a store of one process, "
        f"and {runner_cls} runs tasks in others: {REMEDY}"
    )


def _stays_in_one_process(runner_cls: str) -> bool:
    try:
        return get_subclass(BaseRunner, runner_cls).mem_compatible()  # type: ignore[type-abstract]
    except RunnerNotExecutableError:
        # a placeholder, like DummyRunner: it runs nothing
        return True

"""Whether a runner of processes has one left: tasks that wait for others keep theirs.

ThreadRunner, and so MultiThreadRunner, does not count threads that wait. The other two do: where every
process runs a task that waits for one which is queued, nothing ever goes on.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.runner_context import RunnerContext

_PERSISTENT, _ONE_EACH = "PersistentProcessRunner", "ProcessRunner"
_REMEDIES = {_PERSISTENT: "num_processes", _ONE_EACH: "min_parallel_slots"}


def are_limited(living: Iterable["RunnerContext"]) -> bool:
    """Return whether one of some runners is a process of such a runner."""
    return any(each.parent_ctx and each.parent_ctx.runner_cls in _REMEDIES for each in living)


def none_is_free(app: "Pynenc", living: Collection["RunnerContext"], waiting: Collection[str]) -> str:
    """Return why no process is free, and what to raise; empty if one is, or it is not known.

    :param living: the contexts of the runners that live, those of their processes among them
    :param waiting: the runner ids of those whose task waits for another one
    """
    processes = [each for each in living if each.parent_ctx and each.parent_ctx.runner_cls in _REMEDIES]
    runners = {each.parent_ctx.runner_id: each.parent_ctx.runner_cls for each in processes if each.parent_ctx}
    others = {each.runner_id for each in living} - {each.runner_id for each in processes} - runners.keys()
    if not runners or others:
        return ""
    taken = Counter(each.root_runner_id for each in processes if each.runner_id in waiting)
    there = Counter(each.root_runner_id for each in processes)
    in_all = {
        # of one that has just started, not all have given a sign of life
        runner_id: max(there[runner_id], _places(app, kind))
        for runner_id, kind in runners.items()
    }
    if any(taken[runner_id] < places for runner_id, places in in_all.items()):
        return ""
    kinds = sorted(set(runners.values()))
    settings = " or ".join(_REMEDIES[kind] for kind in kinds)
    return f"all {sum(in_all.values())} of {' and '.join(kinds)} run tasks that wait: raise {settings}"


def _places(app: "Pynenc", kind: str) -> int:
    """Return how many processes such a runner of an app has at work at once, by pynenc's own rule."""
    from pynenc.conf.config_runner import ConfigPersistentProcessRunner

    conf = ConfigPersistentProcessRunner(config_values=app.config_values, config_filepath=app.config_filepath)
    told = conf.num_processes if kind == _PERSISTENT else 0
    return max(conf.min_parallel_slots, told or os.cpu_count() or 1)

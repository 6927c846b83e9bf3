"""Times side by side: each operation on one store after the other, again and again, and the medians."""

import time
from collections.abc import Callable, Mapping
from statistics import median

type Seconds = float
type Samples = dict[str, list[Seconds]]  # by store

_ENOUGH_SECONDS = 15.0


def seconds(work: Callable[[], object]) -> Seconds:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def is_enough(samples: Mapping[str, Samples], name: str, store: str) -> bool:
    """Whether an operation took so long on a store already that once more would tell nothing new."""
    return sum(samples.get(name, {}).get(store, ())) > _ENOUGH_SECONDS


def medians(samples: Mapping[str, list[Seconds]]) -> dict[str, Seconds]:
    return {name: median(taken) for name, taken in samples.items()}


def ratios(times: Mapping[str, Seconds], baseline: str) -> dict[str, float]:
    """Return how many times as long as on the baseline it took on each store."""
    return {name: taken / times[baseline] for name, taken in times.items()}

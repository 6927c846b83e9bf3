"""Seconds in words, and the ticks of an axis."""

import math

_STEPS = (1, 2, 5, 10)
_SECOND_MS, _MINUTE_SECONDS = 1000, 60


def in_words(seconds: float) -> str:
    """Return a duration with three digits at most: `4 ms`, `1.24 s`, `2 min 5 s`."""
    milliseconds = round(seconds * 1000, 1)
    if 0 < milliseconds < 1:
        return f"{milliseconds:g} ms"
    if round(milliseconds) < _SECOND_MS:
        return f"{milliseconds:.0f} ms"
    if round(seconds) < _MINUTE_SECONDS:
        return f"{float(f'{seconds:.3g}'):g} s"
    minutes, rest = divmod(round(seconds), _MINUTE_SECONDS)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def ticks(until: float, most: int = 5) -> list[float]:
    """Return round numbers of seconds from 0 to `until`, `most` and one at most."""
    if until <= 0:
        return [0.0]
    magnitude = 10.0 ** math.floor(math.log10(until / most))
    step = next(factor * magnitude for factor in _STEPS if until / (factor * magnitude) <= most)
    return [number * step for number in range(math.floor(until / step + 1e-9) + 1)]

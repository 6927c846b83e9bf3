"""What time it is, for our own deadlines: whatever a test does to time.

freezegun replaces `time.monotonic` in every module, time-machine and users replace `time.time`; a deadline
that they stop never comes. This clock is bound when pytest loads the plugin, before a test can freeze
anything.
"""

import time

_read = time.clock_gettime  # which nobody replaces for these two clocks
_MONOTONIC = time.CLOCK_MONOTONIC
_SINCE_BOOT: int = getattr(time, "CLOCK_BOOTTIME", _MONOTONIC)  # a machine's sleep included
_BOOT_AT = time.time() - _read(_SINCE_BOOT)


def now() -> float:
    """Return seconds since some instant; they pass evenly."""
    return _read(_MONOTONIC)


def wall() -> float:
    """Return seconds since 1970, as a process has them whose time is not frozen."""
    return _BOOT_AT + _read(_SINCE_BOOT)

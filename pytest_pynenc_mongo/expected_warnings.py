"""What pynenc itself warns of, in each process that runs a test's tasks: true, and not the test's to mend."""

import sys
import warnings

# message, category, and the module that is warned
_EXPECTED: tuple[tuple[str, type[Warning], str], ...] = (
    # of every task call, and of every result
    (r"keys will default to True in jsonpickle", DeprecationWarning, r"pynenc\."),
    (r"The yaml backend will no longer be registered", DeprecationWarning, r"(pynenc|jsonpickle)\."),
    # pynenc's runners are not on the main thread of a script of their own
    (r"Running in a secondary thread", UserWarning, ""),
    (r"(?s).*requires if __name__ == '__main__'", RuntimeWarning, ""),
    (r".*multi-threaded, use of fork\(\) may lead to deadlocks", DeprecationWarning, ""),
    # pauses are short on purpose
    (r"atomic service: ", UserWarning, ""),
)
# a task that fails raises in its thread too, after its failure is stored where the test finds it
_OF_PYTEST = r"(?s)Exception in thread .*dist_invocation"


def ignore() -> None:
    """Have this process ignore them, and nothing else; in a test process pytest puts the filters back.

    Whoever asks for errors, by `-W error` or PYTHONWARNINGS, gets one for all other warnings.
    """
    for message, category, module in _EXPECTED:
        warnings.filterwarnings("ignore", message, category, module)
    if pytest := sys.modules.get("pytest"):
        warnings.filterwarnings("ignore", _OF_PYTEST, pytest.PytestUnhandledThreadExceptionWarning)

"""A worker's log after a failure: the task's traceback first, then the last lines, in plain text."""

from pytest_pynenc_mongo import log_lines

LOG = """
\x1b[32mINFO     pynenc.shop:base_runner.py:153 Starting runner:11111111-2222-3333-4444-555555555555\x1b[0m
│ all is well         │
└─────────────────────┘
============================================================
Traceback (most recent call last):
  File "/venv/lib/python3.12/site-packages/pynenc/invocation/dist_invocation.py", line 344, in run
    result = run_task_sync(self.task.func, **self.arguments.kwargs)
             ^^^^^^^^^^^^^^
  File "/home/shop/app.py", line 7, in fail
    raise ValueError("sold out")
ValueError: sold out
INFO     pynenc.shop:mongo_orchestrator.py:318 status:failed
Exception in thread Thread-3 (run):
Traceback (most recent call last):
  File "/usr/lib/python3.12/threading.py", line 1073, in _bootstrap_inner
    self.run()
  File "/home/shop/app.py", line 7, in fail
    raise ValueError("sold out")
ValueError: sold out
""".lstrip()


def test_the_task_s_traceback_comes_first_and_once_without_its_callers() -> None:
    assert log_lines.last(LOG) == (
        "Traceback (most recent call last):",
        '  File "/home/shop/app.py", line 7, in fail',
        '    raise ValueError("sold out")',
        "ValueError: sold out",
        "INFO     pynenc.shop:base_runner.py:153 Starting runner:11111111",
        "all is well",
        "INFO     pynenc.shop:mongo_orchestrator.py:318 status:failed",
    )


def test_a_traceback_of_pynenc_s_own_is_whole() -> None:
    frame = '  File "/venv/lib/python3.12/site-packages/pynenc/app.py", line 1'
    own = f"Traceback (most recent call last):\n{frame}\nValueError: no"
    assert log_lines.last(own) == tuple(own.splitlines())


def test_thirty_lines_are_enough() -> None:
    lines = log_lines.last("\n".join(map(str, range(1000))))
    assert lines == tuple(map(str, range(970, 1000)))


def test_an_empty_log_has_none() -> None:
    assert log_lines.last("") == ()

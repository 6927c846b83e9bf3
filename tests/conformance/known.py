"""What is known about single tests of pynenc's suites: their names, and the reason for each."""

from typing import NamedTuple

# tests that run no code of a backend: they pass whatever stores the data, and prove nothing about ours
PURE = {
    "test_pynenc_getstate_setstate": "compares settings of two apps, asks neither for a component",
    "test_disabled_cache": "the base class stores nothing",
    "test_mem_client_data_store_serialize_should_bypass_cache_when_disabled": "the base class stores nothing",
    "test_decide_atomic_service_claim_should_return_true_when_single_runner": "a pure function",
    "test_decide_atomic_service_claim_should_return_false_when_no_runners": "a pure function",
    "test_decide_atomic_service_claim_should_distribute_execution_when_multiple_runners": "a pure function",
    "test_call_detail_missing_call_id_parameter": "pynmon refuses the address before it asks the app",
    "test_call_detail_empty_call_id_parameter": "pynmon refuses the address before it asks the app",
    "test_call_detail_wrong_call_id_format": "pynmon refuses the address before it asks the app",
    "test_task_detail_returns_404_for_not_found_tasks": "pynmon looks at the tasks that the app itself holds",
    "test_task_detail_invalid_task_id_format": "pynmon refuses the address before it asks the app",
    "test_tasks_list": "pynmon looks at the tasks that the app itself holds",
    "test_cron_should_trigger_after_time": "a condition evaluated by itself",
}


class Known(NamedTuple):
    """A test that fails on pynenc's own SQLite backends, too."""

    reason: str
    # a regular expression that the failure's text holds, on ours and on SQLite
    sign: str


# by name and parameters, without the engine
FAILING = {
    "test_task_running_concurrency[Process Pickle]": Known("ProcessRunner's own start-up time", "."),
    "test_complex_timeline": Known(
        "its two runners share one app, whose register_deferred_triggers() iterates over a dictionary that "
        "the other one clears: one runner dies at the start, and its waiting threads are counted wrongly",
        "dictionary changed size during iteration",
    ),
}

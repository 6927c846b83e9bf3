from pynenc_tests.unit.core_tasks.test_core_tasks_all_instances import *

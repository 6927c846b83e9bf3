from pynenc_tests.integration.pynmon.test_tasks_list import *

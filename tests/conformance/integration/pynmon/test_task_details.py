from pynenc_tests.integration.pynmon.test_task_details import *

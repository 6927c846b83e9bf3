from pynenc_tests.integration.pynmon.events_monitoring.test_on_result_args import *

from pynenc_tests.integration.pynmon.events_monitoring.test_on_exception_args import *

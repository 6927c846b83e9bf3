from pynenc_tests.integration.broker.test_queue_mismatch_policy import *

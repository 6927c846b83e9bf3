from pynenc_tests.integration.broker.test_queue_selection_strategies import *

from pynenc_tests.integration.pynmon.test_log_explorer_formats import *

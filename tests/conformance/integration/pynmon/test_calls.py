from pynenc_tests.integration.pynmon.test_calls import *

from pynenc_tests.integration.pynmon.test_invocation import *

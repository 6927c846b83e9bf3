from pynenc_tests.integration.pynmon.test_invocations_pagination import *

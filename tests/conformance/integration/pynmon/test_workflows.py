from pynenc_tests.integration.pynmon.test_workflows import *

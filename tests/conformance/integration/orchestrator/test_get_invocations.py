from pynenc_tests.integration.orchestrator.test_get_invocations import *

from pynenc_tests.integration.orchestrator.test_blocking_control import *

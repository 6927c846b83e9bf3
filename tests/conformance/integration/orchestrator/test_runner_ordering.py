from pynenc_tests.integration.orchestrator.test_runner_ordering import *

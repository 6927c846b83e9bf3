from pynenc_tests.integration.orchestrator.test_retries import *

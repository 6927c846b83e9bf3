from pynenc_tests.integration.orchestrator.test_pending_status import *

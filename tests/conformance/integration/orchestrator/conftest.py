from pynenc_tests.integration.orchestrator.conftest import *

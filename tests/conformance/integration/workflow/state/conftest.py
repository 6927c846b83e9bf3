from pynenc_tests.integration.workflow.state.conftest import *

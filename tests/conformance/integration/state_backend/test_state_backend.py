from pynenc_tests.integration.state_backend.test_state_backend import *

from pynenc_tests.unit.trigger.test_trigger_backend_monitoring import *

from pynenc_tests.unit.trigger.test_trigger_all_instances import *

from pynenc_tests.integration.pynmon.events_monitoring.test_composite_logic import *

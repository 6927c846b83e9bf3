from pynenc_tests.integration.pynmon.events_monitoring.test_builder_modifiers import *

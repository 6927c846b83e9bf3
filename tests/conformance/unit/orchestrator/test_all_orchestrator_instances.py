from pynenc_tests.unit.orchestrator.test_all_orchestrator_instances import *

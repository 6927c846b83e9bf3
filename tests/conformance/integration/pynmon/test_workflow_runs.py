from pynenc_tests.integration.pynmon.test_workflow_runs import *

from pynenc_tests.integration.workflow.test_workflow_discovery import *

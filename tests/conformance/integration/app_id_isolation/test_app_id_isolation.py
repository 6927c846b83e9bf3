from pynenc_tests.integration.app_id_isolation.test_app_id_isolation import *

from pynenc_tests.integration.combinations.test_app_combinations import *

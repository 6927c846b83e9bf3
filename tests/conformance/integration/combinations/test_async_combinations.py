from pynenc_tests.integration.combinations.test_async_combinations import *

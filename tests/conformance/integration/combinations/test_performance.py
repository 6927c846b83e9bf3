from pynenc_tests.integration.combinations.test_performance import *

from pynenc_tests.integration.pynmon.test_home_page import *

from pynenc_tests.integration.pynmon.test_family_tree_deep import *

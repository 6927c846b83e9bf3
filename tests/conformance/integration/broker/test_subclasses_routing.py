from pynenc_tests.integration.broker.test_subclasses_routing import *

from pynenc_tests.unit.broker.all_tests import *

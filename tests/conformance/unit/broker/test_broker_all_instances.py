from pynenc_tests.unit.broker.test_broker_all_instances import *

from pynenc_tests.unit.client_data_store.all_tests import *

from pynenc_tests.unit.app.test_app_all_instances import *

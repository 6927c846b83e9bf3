import sys

if sys.version_info < (3, 13):
    from pynenc_tests.integration.pynmon.events_monitoring.conftest import *

from pynenc_tests.unit.trigger.all_tests import *

# three of its modules have a fixture of this name; only this one gives the module's own task to the app
from pynenc_tests.unit.trigger.test_trigger_all_instances import trigger  # noqa: F401

import pynenc_mongo.trigger.mongo_trigger  # noqa: F401

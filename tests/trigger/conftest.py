"""A MongoTrigger on each engine in turn."""

import pytest
from pynenc import Pynenc

from pynenc_mongo.trigger.mongo_trigger import MongoTrigger


@pytest.fixture
def trigger(mongo_app: Pynenc) -> MongoTrigger:
    """A trigger beside the app's own one, on each engine in turn."""
    return MongoTrigger(mongo_app)

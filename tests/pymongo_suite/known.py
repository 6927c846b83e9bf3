"""Which of pymongo's tests fail on the mongomock server, and why."""

from collections.abc import Mapping

# left out: they ask for names of the domain name system, or look at the machine, and not at the server
NOT_ASKED: Mapping[str, tuple[str, ...]] = {
    "test_client": ("ClientUnitTest", "handshake", "srv", "service_name"),
}

REASONS: Mapping[str, Mapping[str, str]] = {}

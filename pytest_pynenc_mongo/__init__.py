"""A pytest plugin that tests Pynenc tasks across processes, on MongoDB.

What tests annotate with and what they catch: `def test_tea(pynenc_worker: Worker) -> None`. Imported when
asked for, so that a run which uses none of our fixtures pays for none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_pynenc_mongo.asserting import Assert
    from pytest_pynenc_mongo.databases import TestDatabase, TestServer
    from pytest_pynenc_mongo.engines import Engine
    from pytest_pynenc_mongo.errors import FailPointError, PynencMongoTestError, RunnerError
    from pytest_pynenc_mongo.failpoints import ArmedFailPoint, FailPoint
    from pytest_pynenc_mongo.firing import Cron, Event
    from pytest_pynenc_mongo.manifests import Manifest
    from pytest_pynenc_mongo.monitor import Monitor
    from pytest_pynenc_mongo.protocols import AppFactory, Load, RunnerFactory, Seed, UseApp
    from pytest_pynenc_mongo.recovering import Recover
    from pytest_pynenc_mongo.waiting import Wait
    from pytest_pynenc_mongo.worker_factory import WorkerFactory
    from pytest_pynenc_mongo.workers import Worker

__all__ = [
    "AppFactory",
    "ArmedFailPoint",
    "Assert",
    "Cron",
    "Engine",
    "Event",
    "FailPoint",
    "FailPointError",
    "Load",
    "Manifest",
    "Monitor",
    "PynencMongoTestError",
    "Recover",
    "RunnerError",
    "RunnerFactory",
    "Seed",
    "TestDatabase",
    "TestServer",
    "UseApp",
    "Wait",
    "Worker",
    "WorkerFactory",
]

_MODULES = {
    "AppFactory": "protocols",
    "ArmedFailPoint": "failpoints",
    "Assert": "asserting",
    "Cron": "firing",
    "Engine": "engines",
    "Event": "firing",
    "FailPoint": "failpoints",
    "FailPointError": "errors",
    "Load": "protocols",
    "Manifest": "manifests",
    "Monitor": "monitor",
    "PynencMongoTestError": "errors",
    "Recover": "recovering",
    "RunnerError": "errors",
    "RunnerFactory": "protocols",
    "Seed": "protocols",
    "TestDatabase": "databases",
    "TestServer": "databases",
    "UseApp": "protocols",
    "Wait": "waiting",
    "Worker": "workers",
    "WorkerFactory": "worker_factory",
}


if not TYPE_CHECKING:  # else each name that there is not would be one, of any type

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

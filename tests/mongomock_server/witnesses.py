"""Five drivers that sign one book, each in its own words; `python -m` runs them in a process of their own.

A witness signs, takes its turns at a counter that all share, and waits until it sees the signatures of all.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import beanie
import mongoengine
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, MongoClient

DRIVERS = ("pymongo", "pymongo async", "motor", "mongoengine", "beanie")
PROCESSES = ("the test", "a subprocess", "another subprocess")
EVERYBODY = sorted(f"{driver} in {process}" for driver in DRIVERS for process in PROCESSES)
TURNS = 20

_DEADLINE_SECONDS = 30.0


def with_pymongo(url: str, database: str, name: str) -> list[str]:
    with MongoClient[dict[str, Any]](url) as client:
        db = client[database]
        db.signatures.insert_one({"_id": name, "driver": "pymongo"})
        for _ in range(TURNS):
            db.counters.update_one({"_id": "turns"}, {"$inc": {"value": 1}})
        return _all_of(lambda: [each["_id"] for each in db.signatures.find()])


async def with_pymongo_async(url: str, database: str, name: str) -> list[str]:
    async with AsyncMongoClient[dict[str, Any]](url) as client:
        db = client[database]
        await db.signatures.insert_one({"_id": name, "driver": "pymongo async"})
        for _ in range(TURNS):
            await db.counters.find_one_and_update({"_id": "turns"}, {"$inc": {"value": 1}})
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while True:
            seen = [each["_id"] async for each in db.signatures.find()]
            if len(seen) >= len(EVERYBODY) or time.monotonic() > deadline:
                return seen


async def with_motor(url: str, database: str, name: str) -> list[str]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(url)
    try:
        db = client[database]
        await db.signatures.insert_one({"_id": name, "driver": "motor"})
        for _ in range(TURNS):
            await db.counters.update_one({"_id": "turns"}, {"$inc": {"value": 1}})
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while True:
            seen = [each["_id"] for each in await db.signatures.find().to_list(length=None)]
            if len(seen) >= len(EVERYBODY) or time.monotonic() > deadline:
                return seen
    finally:
        client.close()


class EngineSignature(mongoengine.Document):  # type: ignore[misc]
    meta: ClassVar = {"collection": "signatures", "indexes": ["driver"]}
    name = mongoengine.StringField(primary_key=True)
    driver = mongoengine.StringField()


class EngineCounter(mongoengine.Document):  # type: ignore[misc]
    meta: ClassVar = {"collection": "counters"}
    name = mongoengine.StringField(primary_key=True)
    value = mongoengine.IntField()


def with_mongoengine(url: str, database: str, name: str) -> list[str]:
    mongoengine.connect(database, host=url, uuidRepresentation="standard")
    try:
        EngineSignature(name=name, driver="mongoengine").save(force_insert=True)
        for _ in range(TURNS):
            EngineCounter.objects(name="turns").update_one(inc__value=1)
        return _all_of(lambda: [each.name for each in EngineSignature.objects])
    finally:
        mongoengine.disconnect()


class BeanieSignature(beanie.Document):
    id: str  # type: ignore[assignment]
    driver: str

    class Settings:
        name = "signatures"


class BeanieCounter(beanie.Document):
    id: str  # type: ignore[assignment]
    value: int

    class Settings:
        name = "counters"


async def with_beanie(url: str, database: str, name: str) -> list[str]:
    async with AsyncMongoClient[dict[str, Any]](url) as client:
        await beanie.init_beanie(database=client[database], document_models=[BeanieSignature, BeanieCounter])
        await BeanieSignature(id=name, driver="beanie").insert()
        for _ in range(TURNS):
            await BeanieCounter.find_one(BeanieCounter.id == "turns").inc({BeanieCounter.value: 1})
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while True:
            seen = [each.id for each in await BeanieSignature.find_all().to_list()]
            if len(seen) >= len(EVERYBODY) or time.monotonic() > deadline:
                return seen


WITNESSES: Mapping[str, Callable[[str, str, str], list[str]]] = {
    "pymongo": with_pymongo,
    "pymongo async": lambda *where: asyncio.run(with_pymongo_async(*where)),
    "motor": lambda *where: asyncio.run(with_motor(*where)),
    "mongoengine": with_mongoengine,
    "beanie": lambda *where: asyncio.run(with_beanie(*where)),
}


def heard_in(url: str, database: str, process: str) -> dict[str, list[str]]:
    """Run all witnesses of a process at once; return the signatures that each one saw."""
    with ThreadPoolExecutor(len(WITNESSES)) as threads:
        running = {
            driver: threads.submit(witness, url, database, f"{driver} in {process}")
            for driver, witness in WITNESSES.items()
        }
        return {driver: sorted(each.result()) for driver, each in running.items()}


def _all_of(look: Callable[[], list[str]]) -> list[str]:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while len(seen := look()) < len(EVERYBODY) and time.monotonic() < deadline:
        pass
    return seen


if __name__ == "__main__":
    print(json.dumps(heard_in(*sys.argv[1:])))  # the test reads it

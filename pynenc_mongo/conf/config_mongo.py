"""The settings that every MongoDB component shares."""

import re
from typing import NamedTuple

from cistell import ConfigField
from pynenc.conf.config_base import ConfigPynencBase

from pynenc_mongo.conf.address import (
    DEFAULT_DATABASE,
    MongoAddress,
    check_database_name,
    database_in,
)
from pynenc_mongo.errors import MongoConfigError

# MongoDB's limit for one document is 16 MiB; the difference leaves room for the other fields
DOCUMENT_PAYLOAD_LIMIT_BYTES = 15 * 1024 * 1024

# with the app's part and a component's it stays below the 255 bytes of a namespace
_COLLECTION_PREFIX = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?")

_HOST, _PORT = "localhost", 27017


class ClientLimits(NamedTuple):
    """What one process asks of a server at most, how long it waits for one, and how it introduces itself.

    Half a minute to find a server is longer than an election, before whose end a replica set has no primary:
    10 s until the others take a primary for lost, and what the new one then has to catch up.
    See https://www.mongodb.com/docs/manual/reference/replica-configuration/#mongodb-rsconf-rsconf.settings
    """

    connections: int = 100
    operation_seconds: float = 30.0
    connect_seconds: float = 30.0  # to find a server and to reach it, by as many attempts as it takes
    attempt_seconds: float = 10.0  # for one of them
    app_name: str = "pynenc"  # by which the server knows the process


DEFAULT_LIMITS = ClientLimits()


class ConfigMongo(ConfigPynencBase):
    """
    Connection settings of the MongoDB components.

    Settings come from pynenc's usual sources; in the environment each one is `PYNENC__` and the name
    in capitals, for example `PYNENC__MONGO_URL`.

    :cvar ConfigField[str] mongo_url:
        URL of the server: `mongodb://`, `mongodb+srv://`, or `mongomock://` for tests. A database in
        its path is honoured. Cannot be combined with `mongo_host` or `mongo_port`.
    :cvar ConfigField[str] mongo_host:
        Host name of the server where no URL is given. Defaults to `localhost`.
    :cvar ConfigField[int] mongo_port:
        Port of the server where no URL is given. Defaults to 27017.
    :cvar ConfigField[str] mongo_db:
        Database name; where it is given it overrides the database in the URL. Defaults to `pynenc`.
    :cvar ConfigField[str] mongo_collection_prefix:
        What every collection name begins with, before the app's id: letters, digits, `_`, `-` and `.`.
        Stores of one app with two prefixes know nothing of each other. Defaults to nothing.
    :cvar ConfigField[str] mongo_username:
        User name, where the URL names none.
    :cvar ConfigField[str] mongo_password:
        Password of `mongo_username`.
    :cvar ConfigField[str] mongo_auth_source:
        Database that holds the user, where it is not the default one.
    :cvar ConfigField[int] mongo_pool_max_connections:
        Most connections that one process opens to a server.
    :cvar ConfigField[float] mongo_timeout_seconds:
        Seconds that one operation may take in all, the search for a server and retries of the driver
        included (`timeoutMS`). Defaults to 30, longer than an election of a primary.
    :cvar ConfigField[float] mongo_connect_seconds:
        Seconds that the first use of a process, and whatever is sent again, waits for a server
        (`serverSelectionTimeoutMS`). Defaults to 0, which means `mongo_timeout_seconds`.
    :cvar ConfigField[float] socket_connect_timeout:
        Seconds that one attempt to connect to a server may take, of which there may be many. Defaults to 10.
    :cvar ConfigField[str] mongo_app_name:
        Name by which the server knows the app's processes, in its log and in `currentOp` (`appName`), of at
        most 128 bytes. Defaults to `pynenc`.
    :cvar ConfigField[int] chunk_threshold:
        Bytes above which a payload is compressed, and the size of the parts of one that is larger
        than a document. At most 15 MiB, which is also the default.
    """

    mongo_url = ConfigField("")
    mongo_host = ConfigField(_HOST)
    mongo_port = ConfigField(_PORT)
    mongo_db = ConfigField(DEFAULT_DATABASE)
    mongo_collection_prefix = ConfigField("")
    mongo_username = ConfigField("")
    mongo_password = ConfigField("", secret=True)
    mongo_auth_source = ConfigField("")
    mongo_pool_max_connections = ConfigField(DEFAULT_LIMITS.connections)
    mongo_connect_seconds = ConfigField(0.0)
    mongo_timeout_seconds = ConfigField(DEFAULT_LIMITS.operation_seconds)
    socket_connect_timeout = ConfigField(DEFAULT_LIMITS.attempt_seconds)
    mongo_app_name = ConfigField(DEFAULT_LIMITS.app_name)
    chunk_threshold = ConfigField(DOCUMENT_PAYLOAD_LIMIT_BYTES)

    def address(self) -> MongoAddress:
        """Resolve where the database is.

        :raises MongoConfigError: if the URL is malformed, MongoDB refuses the database name, or the
            URL competes with a host or a port
        """
        source = self._source("mongo_url" if self.mongo_url else "mongo_host")
        self._refuse_two_addresses()
        try:
            database = self._database()
        except ValueError as error:
            raise MongoConfigError(f"{error} ({source})") from None
        url = self.mongo_url or f"mongodb://{self.mongo_host or _HOST}:{self.mongo_port or _PORT}"
        return MongoAddress(
            url, database, source, self.mongo_username, self.mongo_password, self.mongo_auth_source
        )

    def limits(self) -> ClientLimits:
        """Return what a client of this process asks of the server at most."""
        return ClientLimits(
            self.mongo_pool_max_connections,
            operation_seconds=self.mongo_timeout_seconds,
            connect_seconds=self.mongo_connect_seconds or self.mongo_timeout_seconds,
            attempt_seconds=self.socket_connect_timeout,
            app_name=self.mongo_app_name,
        )

    def collection_prefix(self) -> str:
        """Return the checked `mongo_collection_prefix`.

        :raises MongoConfigError: if it is too long, or holds what collection names should not
        """
        prefix: str = self.mongo_collection_prefix
        if _COLLECTION_PREFIX.fullmatch(prefix) and not prefix.startswith("system."):
            return prefix
        raise MongoConfigError(
            f"mongo_collection_prefix is {prefix!r} ({self._source('mongo_collection_prefix')}): use at most "
            "64 letters, digits, '_', '-' and '.', none of the last two first, and not 'system.'"
        )

    def part_bytes(self) -> int:
        """Return the checked `chunk_threshold`.

        :raises MongoConfigError: if it is not from 1 byte to 15 MiB
        """
        if 0 < self.chunk_threshold <= DOCUMENT_PAYLOAD_LIMIT_BYTES:
            return self.chunk_threshold
        raise MongoConfigError(
            f"chunk_threshold is {self.chunk_threshold} bytes ({self._source('chunk_threshold')}): "
            f"set it from 1 to {DOCUMENT_PAYLOAD_LIMIT_BYTES}, MongoDB's documents hold 16 MiB"
        )

    def _database(self) -> str:
        in_url = database_in(self.mongo_url) if self.mongo_url else ""
        chosen = self.mongo_db if self._is_given("mongo_db") else in_url
        return check_database_name(chosen or DEFAULT_DATABASE)

    def _refuse_two_addresses(self) -> None:
        for rival in ("mongo_host", "mongo_port"):
            if self.mongo_url and self._is_given(rival):
                raise MongoConfigError(
                    f"mongo_url ({self._source('mongo_url')}) and {rival} ({self._source(rival)}) "
                    "both say where MongoDB is: keep one of the two"
                )

    def _is_given(self, field: str) -> bool:
        """Whether a source other than the default sets `field`; empty and zero count as not given."""
        return bool(getattr(self, field)) and not self.field_info(field).is_default

    def _source(self, field: str) -> str:
        return f"{field} from {self.field_info(field).source}"

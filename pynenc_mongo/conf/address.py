"""Where a MongoDB is: a URL, a database name, and which setting said so. Strings only, no driver."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

MOCK_SCHEME = "mongomock"
SCHEMES = ("mongodb", "mongodb+srv", MOCK_SCHEME)
DEFAULT_DATABASE = "pynenc"

# https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
DATABASE_NAME_LIMIT_BYTES = 63
_LAST_PORT = 65535
_DATABASE_NAME_REFUSED = re.compile(r'[/\\. "$*<>:|?\x00]')

# a user name, then all up to the last `@`: who forgot to encode a password may have any character in it
_USERINFO_PASSWORD = re.compile(r"^([^:/?#]*:/+[^:/?#]*|[^:/?#]+(?!:/)):.*@")
_SECRET_OPTION = re.compile(r"(?<=[?&;])([^=&;]*password)=[^&;]*", re.IGNORECASE)
# what the driver also reads as zero: 00, %30
_ZERO = re.compile(r"\s*[+-]?0+\s*")
_SECRET_PROPERTY = re.compile(r"(AWS_SESSION_TOKEN):[^,&;]*", re.IGNORECASE)


@dataclass(frozen=True)
class MongoAddress:
    """One database of one server, and the setting that named it.

    `url` may hold a password: print `masked`, never `url`.
    """

    url: str
    database: str
    source: str
    username: str = ""
    password: str = ""
    auth_source: str = ""

    @property
    def scheme(self) -> str:
        return self.url.partition("://")[0].lower()

    @property
    def is_mock(self) -> bool:
        return self.scheme == MOCK_SCHEME

    @property
    def masked(self) -> str:
        return mask_url(self.url)

    def __repr__(self) -> str:
        return f"MongoAddress({self.masked!r}, database={self.database!r}, source={self.source!r})"


def mask_url(url: str) -> str:
    """Return `url`, well-formed or not, with passwords replaced by `***`."""
    without_password = _USERINFO_PASSWORD.sub(r"\1:***@", url)
    return _SECRET_PROPERTY.sub(r"\1:***", _SECRET_OPTION.sub(r"\1=***", without_password))


def split_url(url: str) -> SplitResult:
    """Check the shape and the options of a MongoDB URL and return its pieces.

    :raises ValueError: naming the URL (masked), what is wrong with it and a URL that works
    """
    try:
        pieces = _pieces_of(url)
    except ValueError:
        # its message would repeat what may be a password
        raise ValueError(_malformed(url, "its host cannot be read")) from None
    if pieces.scheme not in SCHEMES or "://" not in url:
        raise ValueError(_malformed(url, f"it must begin with one of {_listed(SCHEMES)}"))
    if pieces.netloc.count("@") > 1:
        raise ValueError(_malformed(url, "a user name or password must be percent-encoded"))
    if pieces.scheme == MOCK_SCHEME:
        _check_mock(url, pieces)
        return pieces
    for host in pieces.netloc.rpartition("@")[2].split(","):
        _check_host(url, host)
    check_options(url)
    return pieces


def check_options(url: str) -> None:
    """Refuse options of a URL under which a write counts as done that is not.

    :raises ValueError: naming the URL (masked), the option and the remedy
    """
    for name, value in _options_of(url):
        if name == "w" and _ZERO.fullmatch(value):
            lost = "a server would confirm no write, and a task would be lost or run twice"
        elif name in ("journal", "j") and value.strip().lower() == "false":
            lost = "a server may forget what it confirmed, and a task would be lost or run twice"
        else:
            continue
        raise ValueError(
            f"the MongoDB URL {mask_url(url)!r} asks for {name}={value}: {lost}. Leave the option out; "
            "writes are then confirmed by a majority (w=majority)"
        )


def database_in(url: str) -> str:
    """Return the database that `url` names, or an empty string."""
    return unquote(split_url(url).path.lstrip("/"))


def option_in(url: str, name: str) -> str:
    """Return the value of the option `name` in the query of `url`, or an empty string."""
    return next((value for key, value in reversed(_options_of(url)) if key == name.lower()), "")


def names_user(url: str) -> bool:
    """Whether `url` says who connects."""
    return "@" in _pieces_of(url).netloc


def check_database_name(name: str) -> str:
    """Return `name` if MongoDB accepts it as a database name.

    :raises ValueError: naming the database and MongoDB's rule
    """
    if not name:
        raise ValueError("the database name is empty: name one, for example 'pynenc'")
    if refused := _DATABASE_NAME_REFUSED.search(name):
        raise ValueError(
            f"MongoDB refuses the database name {name!r} because of {refused.group()!r}: "
            "use letters, digits, '-' and '_'"
        )
    if len(name.encode()) > DATABASE_NAME_LIMIT_BYTES:
        raise ValueError(
            f"MongoDB refuses the database name {name!r}: it is {len(name.encode())} bytes long, "
            f"shorten it to {DATABASE_NAME_LIMIT_BYTES}"
        )
    return name


def _pieces_of(url: str) -> SplitResult:
    # to a driver `#` is a character like any other
    return urlsplit(url, allow_fragments=False)


def _options_of(url: str) -> list[tuple[str, str]]:
    """Return the options in the query of `url` that have a value, in order, their names in lower case."""
    options = parse_qsl(_pieces_of(url).query.replace(";", "&"))
    return [(name.lower(), value) for name, value in options]


def _check_mock(url: str, pieces: SplitResult) -> None:
    if pieces.netloc or pieces.query:
        reason = "it is the server that this process and its children share, and takes nothing but a database"
        raise ValueError(_malformed(url, reason, example=f"{MOCK_SCHEME}:///pynenc"))


def _check_host(url: str, host: str) -> None:
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not (name if colon else host):
        raise ValueError(_malformed(url, "it names no host"))
    if colon and not (re.fullmatch("[0-9]+", port) and 0 < int(port) <= _LAST_PORT):
        raise ValueError(
            _malformed(url, f"what follows a host's ':' is not a port number from 1 to {_LAST_PORT}")
        )


def _malformed(url: str, reason: str, example: str = "mongodb://localhost:27017/pynenc") -> str:
    return f"malformed MongoDB URL {mask_url(url)!r}: {reason}; for example {example}"


def _listed(schemes: tuple[str, ...]) -> str:
    return ", ".join(f"{scheme}://" for scheme in schemes)

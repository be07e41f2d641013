"""Who may publish and subscribe what at our endpoint: one file, a JSON line for each user.

``{"user": "meter-7", "salt": "…", "hash": "…", "publish": ["city/+/%u/#"], "subscribe": […]}``

``%u`` in a rule is the user, ``%c`` the client id. Passwords are made by us and 256 random bits, so
one salted SHA-256 is enough, and ten thousand devices that come back at once wait for none (a
scrypt of 4 MiB would take two minutes of one core for them).
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog

from cim.device import is_name
from identity.errors import CityError, Invalid

PUBLISH, SUBSCRIBE = ("city/+/%u/#",), ("twin/events/#",)
"""The rules of a user without rules of its own."""

USERS_MAX = 100_000
RULES_MAX = 100  # of one user
EVENTS = ("twin", "events")  # nothing else can be subscribed to

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Access:
    """What one connection may do: filters with its own names put in."""

    publish: tuple[str, ...] = ("#",)
    subscribe: tuple[str, ...] = ("#",)

    def may_publish(self, topic: str) -> bool:
        """Whether a rule allows the topic."""
        return any(covers(rule, topic) for rule in self.publish)

    def may_subscribe(self, wanted: str) -> bool:
        """Whether a filter is one of events and a rule allows all that it matches."""
        return is_of_events(wanted) and any(covers(rule, wanted) for rule in self.subscribe)


EVERYTHING = Access()


@dataclass(frozen=True, slots=True)
class User:
    """One line of the file."""

    name: str
    salt: bytes
    hash: bytes
    publish: tuple[str, ...] = PUBLISH
    subscribe: tuple[str, ...] = SUBSCRIBE

    def access(self, client: str) -> Access:
        """Return what it may do under a client id."""
        return Access(self._filled(self.publish, client), self._filled(self.subscribe, client))

    def _filled(self, rules: Sequence[str], client: str) -> tuple[str, ...]:
        # A client id comes from outside: one that could be more than one level fills nothing.
        usable = [rule for rule in rules if "%c" not in rule or is_name(client)]
        return tuple(rule.replace("%u", self.name).replace("%c", client) for rule in usable)


class Users:
    """The users of a file; read again when it was changed."""

    def __init__(self, path: Path) -> None:
        """Raise Invalid("mqtt_users_unreadable")."""
        self._path = path
        self._stamp = _stamp(path)
        self._users = read(path)

    def __len__(self) -> int:
        return len(self._users)

    def access(self, client: str, user: str | None, password: bytes | None) -> Access | None:
        """Return what who connects may do, None when nobody of that name and password is known."""
        self._refresh()
        known = self._users.get(user or "")
        if known is None or password is None:
            return None
        if not hmac.compare_digest(digest(password, known.salt), known.hash):
            return None
        return known.access(client)

    def _refresh(self) -> None:
        """Take a changed file; one that can't be read leaves the users as they were."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._users = read(self._path)
        except CityError as error:
            _log.error("mqtt_users_not_renewed", code=error.code, **error.facts)


def digest(password: bytes, salt: bytes) -> bytes:
    """Return the hash that the file keeps of a password."""
    return hashlib.sha256(salt + password).digest()


def line(
    name: str, password: str, salt: bytes, *, publish: Sequence[str], subscribe: Sequence[str]
) -> str:
    """Return the line of the file for a new user. Raises Invalid("mqtt_user_invalid")."""
    if not is_name(name):
        raise Invalid("mqtt_user_invalid", user=name)
    for rule in (*publish, *subscribe):
        _checked(rule)
    said = {
        "user": name,
        "salt": salt.hex(),
        "hash": digest(password.encode(), salt).hex(),
        "publish": list(publish or PUBLISH),
        "subscribe": list(subscribe or SUBSCRIBE),
    }
    return json.dumps(said, ensure_ascii=False)


def read(path: Path) -> dict[str, User]:
    """Return the users of a file by name; Invalid("mqtt_users_unreadable")."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, 0, str(error)) from error
    wanted = [(number, text) for number, text in enumerate(lines, 1) if text.strip()]
    if len(wanted) > USERS_MAX:
        raise _unreadable(path, 0, f"more than {USERS_MAX} users")
    users = [_user(path, number, text) for number, text in wanted]
    return {user.name: user for user in users}


def _user(path: Path, number: int, text: str) -> User:
    try:
        said = json.loads(text)
        rules = [
            _rules(said.get(kind, list(default)))
            for kind, default in (("publish", PUBLISH), ("subscribe", SUBSCRIBE))
        ]
        secret = bytes.fromhex(said["salt"]), bytes.fromhex(said["hash"])
        return User(str(said["user"]), *secret, *rules)
    except (ValueError, KeyError, TypeError, AttributeError, CityError) as error:
        raise _unreadable(path, number, str(error)) from error


def _rules(said: Any) -> tuple[str, ...]:
    # A text alone would be read letter by letter, and its last one may be "#": everything.
    if not isinstance(said, list):
        raise TypeError("rules are a list")
    if len(said) > RULES_MAX:
        raise ValueError(f"more than {RULES_MAX} rules")  # noqa: EM102 - as above
    return tuple(_checked(str(rule)) for rule in said)


def _unreadable(path: Path, number: int, reason: str) -> Invalid:
    return Invalid("mqtt_users_unreadable", path=str(path), line=number, reason=reason)


def _checked(rule: str) -> str:
    if not is_filter(rule):
        raise Invalid("mqtt_rule_invalid", rule=rule)
    return rule


def is_filter(text: str) -> bool:
    """Whether a text is a topic filter: ``+`` is a whole level, ``#`` the last [MQTT-4.7.1-2]."""
    levels = text.split("/")
    return bool(text) and all(
        level == "+" or (level == "#" and at == len(levels) - 1) or not set(level) & {"+", "#"}
        for at, level in enumerate(levels)
    )


def is_of_events(wanted: str) -> bool:
    """Whether all that a filter matches are our events."""
    return is_filter(wanted) and tuple(wanted.split("/")[:2]) == EVENTS


def covers(rule: str, wanted: str) -> bool:
    """Whether a filter matches a topic, or all topics that another filter matches."""
    levels, asked = _levels(rule), wanted.split("/")
    if levels[-1] == "#":
        levels = levels[:-1]
        if len(asked) < len(levels):
            return False
        asked = asked[: len(levels)]
    if len(asked) != len(levels):
        return False
    return all(
        one != "#" and (level in {"+", one}) for level, one in zip(levels, asked, strict=True)
    )


@lru_cache(4_096)
def _levels(rule: str) -> tuple[str, ...]:
    return tuple(rule.split("/"))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        said = path.stat()
    except OSError:
        return (0, 0)
    return (said.st_mtime_ns, said.st_size)

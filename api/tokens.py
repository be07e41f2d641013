"""Bearer tokens from one file: who calls, and in which role. Only salted scrypt hashes are kept.

The file is JSON lines: ``{"name": "planning-desk", "role": "planner", "salt": "…", "hash": "…"}``.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from identity.errors import Invalid

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**12, 8, 1  # tokens are 256 random bits, so a light cost is enough
KNOWN_TOKENS_MAX = 10_000
TOKEN_CHARS_MAX = 512
VERIFIED_MAX = 10_000  # digests of tokens already verified, so that scrypt runs once a token


class Role(IntEnum):
    """Who may do what; each role may what the ones before it may."""

    READER = 1
    SERVICE = 2
    FIRM = 3
    PLANNER = 4
    ADMIN = 5


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a name for the audit trail, and a role."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the file."""

    caller: Caller
    salt: bytes
    hash: bytes


class Tokens:
    """The callers that a tokens file names; ``of`` finds who holds a token."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._verified: dict[bytes, Caller | None] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def seen(self, token: str) -> Caller | None:
        """Return who holds a token that was verified before; None says nothing."""
        return self._verified.get(_key(token)) if len(token) <= TOKEN_CHARS_MAX else None

    def of(self, token: str) -> Caller | None:
        """Return who holds ``token``, None when nobody does. Slow where it is new (scrypt)."""
        if not token or len(token) > TOKEN_CHARS_MAX:
            return None
        key = _key(token)
        if key not in self._verified:
            if len(self._verified) >= VERIFIED_MAX:
                self._verified.clear()
            self._verified[key] = self._verify(token)
        return self._verified[key]

    def _verify(self, token: str) -> Caller | None:
        found = None
        for entry in self._entries:
            if hmac.compare_digest(digest(token, entry.salt), entry.hash):
                found = entry.caller
        return found


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def digest(token: str, salt: bytes) -> bytes:
    """Return the hash that the file keeps of a token."""
    return hashlib.scrypt(token.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=32)


def line(name: str, role: Role, token: str, salt: bytes) -> str:
    """Return the line of the file for a new token."""
    said = {
        "name": name,
        "role": role.name.lower(),
        "salt": salt.hex(),
        "hash": digest(token, salt).hex(),
    }
    return json.dumps(said, ensure_ascii=False)


def read(path: Path | None) -> Tokens:
    """Return the callers of a tokens file (None: nobody); Invalid("tokens_unreadable")."""
    if path is None:
        return Tokens([])
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Invalid("tokens_unreadable", path=str(path), line=0, reason=str(error)) from error
    wanted = [(number, text) for number, text in enumerate(lines, 1) if text.strip()]
    if len(wanted) > KNOWN_TOKENS_MAX:
        reason = f"more than {KNOWN_TOKENS_MAX} tokens"
        raise Invalid("tokens_unreadable", path=str(path), line=0, reason=reason)
    return Tokens([_entry(path, number, text) for number, text in wanted])


def role_of(text: str) -> Role:
    """Return the role named ``text``; Invalid("role_unknown")."""
    try:
        return Role[text.upper()]
    except KeyError:
        known = ", ".join(role.name.lower() for role in Role)
        raise Invalid("role_unknown", role=text, known=known) from None


def _entry(path: Path, number: int, text: str) -> Entry:
    try:
        said = json.loads(text)
        caller = Caller(str(said["name"]), role_of(str(said["role"])))
        return Entry(caller, bytes.fromhex(said["salt"]), bytes.fromhex(said["hash"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(
            "tokens_unreadable", path=str(path), line=number, reason=str(error)
        ) from error

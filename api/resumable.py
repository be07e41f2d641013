"""Uploads that outlive their connections and this process: parts of files, one owner each.

``<id>.part`` the bytes → fsync → ``<id>.offset`` how many of them count → fsync → the answer
``<id>.json`` what it is to become · ``<id>.told`` what became of it, when it was handed on

Everything lies on the disk, and a part is claimed (flock) while it is written: a process that is
killed leaves nothing to mend, and several processes may serve one folder.
"""

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from api.appending import Checksum, Writing, digits
from api.services import Services
from cim import claims
from cim.durable import sync
from identity.errors import Conflict, NotFound, TooLarge

FOLDER = "resumable"
TOLD_MAX = 10_000  # answers that are kept for those who ask again
KINDS = (".json", ".offset", ".part")  # in the order in which they are removed
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Resumable:
    """An upload under way: ``length`` in bytes, ``metadata`` as its client wrote it, Unix times."""

    id: str
    owner: str
    length: int
    filename: str
    metadata: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Room:
    """How many uploads may be open, in all and of one user, and the bytes they may declare."""

    uploads: int
    uploads_of_user: int
    bytes: int


class Resumables:
    """The uploads under way in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, upload: Resumable, room: Room) -> None:
        """Begin an upload, durably. Raises TooLarge("uploads_open", "uploads_total"); OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._gate():
            self._check_room(upload, room)
            _write(self._path(upload.id, ".part"), b"")
            _write(self._path(upload.id, ".offset"), digits(0))
            self._put(upload.id, ".json", asdict(upload))

    def find(self, upload_id: str, owner: str, now: float) -> Resumable:
        """Return the upload of ``owner``.

        Raises NotFound("upload_unknown", "upload_expired", "upload_handed").
        """
        said = self._read(upload_id, ".json")
        if said is None or said["owner"] != owner:
            if self.told(upload_id, owner) is not None:
                raise NotFound("upload_handed", upload=upload_id)
            raise NotFound("upload_unknown", upload=upload_id[:80])
        found = Resumable(**said)
        if now >= found.expires_at:
            raise NotFound("upload_expired", upload=upload_id)
        return found

    def offset(self, upload: Resumable) -> int:
        """Return how many bytes are durable. Raises NotFound("upload_unknown")."""
        try:
            return int(self._path(upload.id, ".offset").read_bytes())
        except FileNotFoundError:
            raise NotFound("upload_unknown", upload=upload.id) from None

    def open(self, upload: Resumable, checksum: Checksum | None = None) -> Writing:
        """Claim the part; what was written and never counted is cut off.

        Raises Conflict("upload_busy"), NotFound("upload_unknown"); OSError.
        """
        try:
            file = self._path(upload.id, ".part").open("r+b", buffering=0)
        except FileNotFoundError:
            raise NotFound("upload_unknown", upload=upload.id) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            offset = self.offset(upload)
            if os.fstat(file.fileno()).st_size > offset:
                file.truncate(offset)
            record = os.open(self._path(upload.id, ".offset"), os.O_WRONLY)
            return Writing(file, record, offset, checksum)
        except BlockingIOError:
            file.close()
            raise Conflict("upload_busy", upload=upload.id) from None
        except BaseException:
            file.close()
            raise

    def link(self, upload: Resumable, folder: Path) -> Path:
        """Return a second name of the part in ``folder``, to be given away."""
        path = folder / f"{secrets.token_hex(16)}.part"
        os.link(self._path(upload.id, ".part"), path)
        return path

    def tell(self, upload: Resumable, answer: dict[str, Any]) -> None:
        """Remove an upload that was handed on; keep the answer for whoever did not hear it."""
        kept = {"owner": upload.owner, "expires_at": upload.expires_at, "answer": answer}
        self._put(upload.id, ".told", kept)
        self._remove(upload.id)

    def told(self, upload_id: str, owner: str) -> dict[str, Any] | None:
        """Return the answer that was given when the upload was handed on."""
        said = self._read(upload_id, ".told")
        return said["answer"] if said is not None and said["owner"] == owner else None

    def remove(self, upload: Resumable) -> None:
        """Remove an upload. Raises Conflict("upload_busy"), NotFound("upload_unknown")."""
        writing = self.open(upload)
        try:
            self._remove(upload.id)
        finally:
            writing.close()

    def sweep(self, now: float) -> int:
        """Remove what expired and what a kill left half made or half removed; return how many."""
        if not self._folder.is_dir():
            return 0
        with self._gate():
            expired = sum(self._swept(name, now) for name in self._ids(".json"))
            return expired + self._leftovers() + self._forget(now)

    def _swept(self, upload_id: str, now: float) -> bool:
        said = self._read(upload_id, ".json")
        if said is None or now < said["expires_at"]:
            return False
        with suppress(Conflict, NotFound):  # one that is being written goes the next time
            self.remove(Resumable(**said))
            return True
        return False

    def _leftovers(self) -> int:
        """Remove parts that no upload names: creation holds the gate, so none is being made."""
        known = set(self._ids(".json"))
        lost = {i for kind in KINDS for i in self._ids(kind)} - known
        for upload_id in lost:
            self._remove(upload_id)
        for path in self._folder.glob("*.new"):
            path.unlink(missing_ok=True)
        return len(lost)

    def _forget(self, now: float) -> int:
        """Forget answers that expired, and the first to expire of too many."""
        kept = [
            (said["expires_at"], i)
            for i in self._ids(".told")
            if (said := self._read(i, ".told")) is not None
        ]
        gone = [(at, i) for at, i in kept if at <= now]
        gone += sorted(set(kept) - set(gone))[: max(0, len(kept) - len(gone) - TOLD_MAX)]
        for _, upload_id in gone:
            self._path(upload_id, ".told").unlink(missing_ok=True)
        return len(gone)

    def _check_room(self, upload: Resumable, room: Room) -> None:
        rows = [said for i in self._ids(".json") if (said := self._read(i, ".json")) is not None]
        mine = sum(said["owner"] == upload.owner for said in rows)
        if len(rows) >= room.uploads or mine >= room.uploads_of_user:
            limit = room.uploads if len(rows) >= room.uploads else room.uploads_of_user
            raise TooLarge("uploads_open", rate=True, limit=limit)
        if sum(said["length"] for said in rows) + upload.length > room.bytes:
            raise TooLarge("uploads_total", rate=True, limit=room.bytes)

    def _gate(self) -> Any:
        return claims.gate(self._folder / "creation.lock", alone=True)

    def _ids(self, kind: str) -> Iterator[str]:
        return (path.stem for path in sorted(self._folder.glob(f"*{kind}")))

    def _path(self, upload_id: str, kind: str) -> Path:
        return self._folder / f"{upload_id}{kind}"

    def _read(self, upload_id: str, kind: str) -> dict[str, Any] | None:
        if _ID.fullmatch(upload_id) is None:
            return None
        try:
            said = json.loads(self._path(upload_id, kind).read_bytes())
        except FileNotFoundError:
            return None
        assert isinstance(said, dict)
        return said

    def _put(self, upload_id: str, kind: str, said: dict[str, Any]) -> None:
        """Write a record that is there whole or not at all."""
        path = self._path(upload_id, f"{kind}.{secrets.token_hex(4)}.new")
        _write(path, json.dumps(said, ensure_ascii=False).encode())
        path.replace(self._path(upload_id, kind))
        sync(self._folder)

    def _remove(self, upload_id: str) -> None:
        for kind in KINDS:
            self._path(upload_id, kind).unlink(missing_ok=True)


def resumables(services: Services) -> Resumables:
    """Return the uploads under way of this city."""
    return Resumables(services.settings.data_dir / FOLDER)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())

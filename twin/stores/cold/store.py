"""The folder of cold history of one store: its reader, its sums, and who may write there."""

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from twin.stores.cold.reader import Reader
from twin.stores.cold.sums import Sums

LOCK = ".lock"


class Cold:
    """Opened once a process; the catalogue lies in the store itself."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.reader = Reader(folder)
        self.sums = Sums(folder)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Tell whether this process alone may write files and remove them, for as long."""
        with (self.folder / LOCK).open("w") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that no longer belong to the city."""
        for name in names:
            with suppress(FileNotFoundError):
                (self.folder / name).unlink()

    def others(self, known: set[str]) -> set[str]:
        """Return files that are not known: what a process left that died while it wrote."""
        return {path.name for path in self.folder.iterdir()} - known - {LOCK}

    def close(self) -> None:
        """Close every file and the database of sums."""
        self.reader.close()
        self.sums.close()

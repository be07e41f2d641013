"""The demo district's pump station as a file: small (26 kB), whole, and made by ourselves."""

import tempfile
from functools import cache
from pathlib import Path

from bim import demo

NAME = "nanhu-pump-station.ifc"


@cache
def pump():
    """Return {file name: bytes}."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        next(model for model in demo.district() if model.file_name == NAME).write(path)
        return {NAME: path.read_bytes()}

"""The published schemas of BCF, where somebody put them: they are not ours to pass on.

``WANWU_BCF_XSD`` names a folder that holds 2.1/*.xsd and 3.0/*.xsd of buildingSMART's BCF-XML
(of its releases; the package bcf-api-xml has those of 2.1).
"""

import hashlib
import io
import os
import zipfile
from functools import cache
from pathlib import Path

import pytest
import xmlschema

NAME = "WANWU_BCF_XSD"
SCHEMAS = {  # by how a part's name ends; the first that fits
    "bcf.version": "version",
    "project.bcfp": "project",
    "extensions.xml": "extensions",
    "documents.xml": "documents",
    "markup.bcf": "markup",
    ".bcfv": "visinfo",
}


def folder():
    """Return the folder of the schemas, or skip the test and say why."""
    path = Path(os.environ.get(NAME, ""))
    if not (path / "3.0" / "markup.xsd").is_file():
        pytest.skip(f"{NAME} names no folder with BCF's published schemas (2.1/*.xsd, 3.0/*.xsd)")
    return path


def digests(path, version):
    """Return a line for each schema of a version: what was validated against."""
    files = sorted((path / version).glob("*.xsd"))
    return [f"{hashlib.sha256(file.read_bytes()).hexdigest()} {file.name}" for file in files]


def violations(archive, version, path):
    """Return [(part, reason)] over every XML part of a BCF file, and how many parts there are."""
    found, read = [], 0
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        for name in file.namelist():
            if name.endswith(".png"):
                continue
            schema = _schema(path / version / f"{_kind(name)}.xsd")
            errors = schema.iter_errors(file.read(name).decode())
            found += [(name, error.reason) for error in errors]
            read += 1
    return found, read


def _kind(name):
    kinds = [kind for ending, kind in SCHEMAS.items() if name.endswith(ending)]
    assert kinds, f"no schema is known for the part {name}"
    return kinds[0]


@cache
def _schema(path):
    return xmlschema.XMLSchema(path, allow="local")

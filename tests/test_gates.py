"""Each gate bites: a planted violation of layers, of a driver's room and of a size is found.

And a leg that was skipped: CI takes it for a failure, in one process and in several.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import workers

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("identity", "cim", "twin", "bim", "sensors", "viewer", "api")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the packages in which a violation can be planted."""
    for name in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__", "web", "dist")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; sys.path.insert(0, '.');"
        "from importlinter.cli import lint_imports_command;"
        "lint_imports_command(['--no-cache'])"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("identity/checks.py", "import cim.model", "One direction"),
        ("cim/merge.py", "import bim.rows", "One direction"),
        ("bim/rows.py", "import twin.reading", "bim does not know live state"),
        ("twin/reading.py", "import neo4j", "neo4j lies in"),
        ("api/__init__.py", "import paho.mqtt.client", "paho lies in"),
        ("twin/reading.py", "import psycopg", "psycopg lies in"),
        ("twin/stores/sqlite_past.py", "import duckdb", "duckdb and pyarrow lie in"),
        ("cim/merge.py", "import ifcopenshell", "ifcopenshell lies in"),
        ("bim/rows.py", "import cim.stores.memory", "Adapters are named by"),
    ],
)
def test_a_planted_import_is_found(copy, file, line, contract):
    path = copy / file
    path.write_text(path.read_text("utf-8") + f"\n{line}\n", encoding="utf-8")
    result = lint_imports(copy)
    broken = [row for row in result.stdout.splitlines() if row.rstrip().endswith("BROKEN")]
    assert result.returncode != 0
    assert [row for row in broken if row.startswith(contract)], result.stdout


def test_the_packages_as_they_stand_keep_their_contracts(copy):
    result = lint_imports(copy)
    assert (0, "") == (result.returncode, result.stderr), result.stdout


def test_a_planted_long_function_and_file_are_found(copy):
    from importlib import util

    spec = util.spec_from_file_location("shape", ROOT / "tests/test_shape.py")
    shape = util.module_from_spec(spec)
    spec.loader.exec_module(shape)
    body = "\n".join(f"    x{n} = {n}" for n in range(shape.FUNCTION_MAX + 1))
    (copy / "identity/planted.py").write_text(f"def planted():\n{body}\n", encoding="utf-8")
    (copy / "cim/planted.py").write_text("x = 1\n" * (shape.FILE_MAX + 1), encoding="utf-8")
    broken = [row for row in shape.too_large(copy) if "planted" in row]
    assert ["cim/planted.py", "identity/planted.py"] == sorted(
        row.split(":")[0].removeprefix(f"{copy}/") for row in broken
    )


LEG = """
import pytest

@pytest.mark.adapter
def test_a_leg_of_a_machine_without_its_server():
    pytest.skip("the server is not here")
"""


@pytest.mark.parametrize("processes", ["0", "2"])
@pytest.mark.parametrize(
    ("ci", "code", "said"),
    [
        ("true", 1, "CI must not skip ['adapter']"),
        ("false", 0, "SKIPPED"),
    ],
)
def test_a_skipped_leg_names_its_reason_and_fails_ci(tmp_path, processes, ci, code, said):
    (tmp_path / "test_planted.py").write_text(LEG, encoding="utf-8")
    options = ["-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", "-n", processes]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        env={**os.environ, "CI": ci},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert code == result.returncode, result.stdout + result.stderr
    (line,) = (row for row in result.stdout.splitlines() if row.startswith(("SKIPPED", "FAILED")))
    assert said in result.stdout
    assert "the server is not here" in (line if ci == "false" else result.stdout)


def test_the_tests_of_one_server_are_run_by_one_worker(request):
    """Each worker starts servers of its own; this sees the tests that it runs among."""
    apart = {
        item.nodeid: workers.group(item.nodeid)
        for item in request.session.items
        if (server := shared_server(item)) and server != workers.group(item.nodeid)
    }
    assert {} == apart


def shared_server(item) -> str | None:
    """Return which of the servers shared by tests a test names; one of its own is no matter."""
    demo = [workers.DEMO] if item.path.parent.name == "acceptance" else []
    shared = (workers.NEO4J, workers.POSTGRES, *demo)
    return next((server for server in shared if server in item.fixturenames), None)

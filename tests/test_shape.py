"""Sizes: files 90 % <= 300 lines, none > 400; functions median <= 8, 90 % <= 25, none > 50.

Physical lines without docstring and decorators, of the packages and bench; tests and TypeScript:
files <= 400, functions <= 60.
"""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("identity", "cim", "twin", "bim", "sensors", "viewer", "api", "bench")
FILE_MAX, FILE_USUAL = 400, 300
FUNCTION_MAX, FUNCTION_USUAL, FUNCTION_MEDIAN = 50, 25, 8
TEST_FUNCTION_MAX = 60
SHARE = 0.9


def python_files(folder: Path) -> list[Path]:
    skipped = {"node_modules", "dist", "__pycache__"}
    return [p for p in sorted(folder.rglob("*.py")) if not skipped & set(p.parts)]


def function_lengths(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (place, lines) of each function, without docstring and decorators."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path}:{node.lineno} {node.name}", _length(node)


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None and isinstance(first, ast.Expr):
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def too_large(root: Path) -> list[str]:
    """Return what breaks the rules for packages and bench below ``root``, as sentences."""
    files = [p for name in PACKAGES for p in python_files(root / name)]
    assert files, "a gate that sees nothing is a defect"
    lines = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in files}
    functions = [row for p in files for row in function_lengths(p)]
    broken = [f"{p}: {n} lines > {FILE_MAX}" for p, n in lines.items() if n > FILE_MAX]
    broken += [f"{place}: {n} lines > {FUNCTION_MAX}" for place, n in functions if n > FUNCTION_MAX]
    share = sum(n <= FILE_USUAL for n in lines.values()) / len(lines)
    if share < SHARE:
        broken.append(f"only {share:.0%} of the files have <= {FILE_USUAL} lines")
    sizes = [n for _, n in functions]
    share = sum(n <= FUNCTION_USUAL for n in sizes) / max(len(sizes), 1)
    if share < SHARE:
        broken.append(f"only {share:.0%} of the functions have <= {FUNCTION_USUAL} lines")
    if sizes and statistics.median(sizes) > FUNCTION_MEDIAN:
        broken.append(f"the median function has {statistics.median(sizes)} lines")
    return broken


def test_packages_and_bench_keep_their_sizes():
    assert [] == too_large(ROOT)


@pytest.mark.parametrize("folder", ["tests"])
def test_tests_keep_their_sizes(folder):
    files = python_files(ROOT / folder)
    long_files = [str(p) for p in files if len(p.read_text("utf-8").splitlines()) > FILE_MAX]
    rows = [row for p in files for row in function_lengths(p)]
    assert [] == long_files
    assert [] == [row for row in rows if row[1] > TEST_FUNCTION_MAX]


def test_typescript_files_keep_their_size():
    files = sorted((ROOT / "viewer/web/src").rglob("*.ts"))
    assert files, "a gate that sees nothing is a defect"
    assert [] == [str(p) for p in files if len(p.read_text("utf-8").splitlines()) > FILE_MAX]

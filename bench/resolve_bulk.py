"""A city of ``bench resolve`` into Neo4j's files at once, by the server's own import tool.

The rows are those of the adapter (``cim.stores.neo4j.parameters``), as they stand after one
generation; that a city loaded so answers like one that the adapter wrote is tested
(tests/integration/test_bench_bulk.py). For a server that does not run yet.
"""

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import resolve_city as city
from cim.stores.neo4j import parameters
from cim.stores.rules import OPEN

G = 1  # the generation of every row
HEAP = "-Xmx2g"
NODES = {
    "anchors": "code:ID,kind,name,lifecycle,ifc_class,lon:double,lat:double,height_m:double,"
    "grid2d,g_from:long,g_to:long,:LABEL",
    "facts": "code,kind,name,lifecycle,ifc_class,lon:double,lat:double,height_m:double,grid2d,"
    "west:double,south:double,east:double,north:double,properties,terms,at:point{crs:cartesian},"
    "g_from:long,g_to:long,:LABEL",
    "aliases": "scheme,scope,value,code,source,confidence:double,stem,place,g_from:long,g_to:long,"
    ":LABEL",
}
RELATIONS = {"relations": ":START_ID,:END_ID,pair,properties,g_from:long,g_to:long,:TYPE"}
"""Heads of the files, by name."""


def load(home: Path, lib: Path, env: dict[str, str], entities: int) -> None:
    """Write the files of a city of about so many entities and import them into a server's home."""
    folder = home / "bulk"
    folder.mkdir()
    _write(folder, city.houses(entities))
    tool = ["java", HEAP, "-cp", f"{lib}/*", "org.neo4j.cli.AdminTool", "database", "import"]
    options = ["full", "neo4j", "--overwrite-destination", f"--report-file={folder / 'report'}"]
    files = [f"--nodes={folder / name}.csv" for name in NODES]
    files += [f"--relationships={folder / name}.csv" for name in RELATIONS]
    done = subprocess.run(
        [*tool, *options, *files], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        message = f"Neo4j's import refused the city: {done.stdout[-1000:]}{done.stderr[-1000:]}"
        raise RuntimeError(message)


def _write(folder: Path, houses: int) -> None:
    heads = NODES | RELATIONS
    files = {name: (folder / f"{name}.csv").open("w", encoding="utf-8") for name in heads}
    for name, file in files.items():
        file.write(f"{heads[name]}\n")
    for n in range(houses):
        for name, rows in _rows(city.house(n)):
            files[name].writelines(line(row) for row in rows)
    for file in files.values():
        file.close()


def _rows(house: city.House) -> Iterator[tuple[str, Iterable[Sequence[Any]]]]:
    """Yield the rows of a house by the file they belong to."""
    facts = [parameters.fact_row(entity) for entity in house.entities]
    yield "anchors", ([*row[:9], G, OPEN, f"Entity;{row[1]}"] for row in facts)
    yield "facts", ([*row[:15], _point(*row[15:]), G, OPEN, "Fact"] for row in facts)
    aliases = map(parameters.alias_row, house.aliases)
    yield "aliases", ([*row, G, OPEN, "Alias"] for row in aliases)
    for verb, rows in parameters.relation_rows(house.relations).items():
        yield "relations", ([*row, G, OPEN, verb.value] for row in rows)


def _point(x: float | None, y: float | None) -> str | None:
    return None if x is None else f"{{x:{x!r},y:{y!r}}}"


def line(row: Sequence[Any]) -> str:
    """Return a line of a file: texts in quotes, nothing for what is not there."""
    return ",".join(map(_field, row)) + "\n"


def _field(value: Any) -> str:
    if value is None:
        return ""
    return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else repr(value)

"""Which tests one of several workers (``pytest -n``) runs in one go, one after the other.

All of one real server and of the demo, which each worker would start anew; all others file by
file, so that what a file starts once is started once. A test named nowhere here costs a second
server, never its result.
"""

from xdist.scheduler import LoadScopeScheduling

NEO4J, POSTGRES, DEMO = "neo4j", "postgres", "demo"
FILES = {
    "test_browser.py": DEMO,
    "test_browser_codes.py": DEMO,
    "test_browser_door.py": DEMO,
    "test_browser_time.py": DEMO,
    "test_devices_page.py": DEMO,
    "test_printed_lines.py": DEMO,
    "test_neo4j.py": NEO4J,
    "test_then.py": NEO4J,
    "test_postgres.py": POSTGRES,
}
LEGS = {
    "[neo4j": NEO4J,
    "_on_neo4j": NEO4J,
    "[postgres": POSTGRES,
    "_on_postgresql": POSTGRES,
}


class ByServer(LoadScopeScheduling):
    """xdist's ``loadscope`` with the groups of here.

    Its own ``loadgroup`` (3.8.0) puts the group into a name that pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """Return the name of the group of a test."""
    path, _, test = nodeid.partition("::")
    legs = [LEGS[leg] for leg in LEGS if leg in test]
    return legs[0] if legs else FILES.get(path.rpartition("/")[2], path)

"""Opening a city graph by its URL: sqlite:///path or bolt://user:password@host:port."""

import time
from pathlib import Path

from cim.stores.rules import LEASE_TTL_S
from cim.stores.sqlite import SqliteGraph


async def open_graph(url: str, lease_ttl_s: float = LEASE_TTL_S):
    """Return the graph, which is Codes too."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        return await SqliteGraph.open(path, time.time, lease_ttl_s=lease_ttl_s)
    from cim.stores.neo4j import Neo4jGraph

    scheme, rest = url.split("://")
    login, place = rest.split("@")
    user, password = login.split(":")
    address = f"{scheme}://{place}"
    return await Neo4jGraph.open(address, user, password, time.time, lease_ttl_s=lease_ttl_s)


async def prepared(url: str) -> str:
    """Make the tables or the schema, as the first start of the product does."""
    await (await open_graph(url)).close()
    return url

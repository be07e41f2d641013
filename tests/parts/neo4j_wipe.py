"""Empty a test's Neo4j: one server is shared, every test begins with an empty graph."""

import neo4j

ROWS = 10_000  # deleted in one transaction


async def wipe(url: str, user: str, password: str) -> None:
    """Delete every node and relation in bounded transactions; constraints and indexes stay."""
    driver = neo4j.AsyncGraphDatabase.driver(
        url, auth=(user, password), notifications_min_severity="OFF"
    )
    async with driver, driver.session() as session:
        for pattern, what in (("()-[x]->()", "x"), ("(x)", "x")):
            left = ROWS
            while left == ROWS:
                query = f"MATCH {pattern} WITH x LIMIT $rows DELETE {what} RETURN count(*)"
                found = await session.run(query, rows=ROWS)
                left = (await found.single(strict=True)).value()

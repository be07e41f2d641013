"""The city graph in Neo4j: a server or a cluster of its own, many processes.

What lies there, as a person sees it in the Neo4j browser:

- ``(:Entity:Building {code, name, kind, …})``: the anchor of a code, never deleted, labelled with
  its kind and showing the newest facts; ``(:Building)-[:CONTAINS {g_from, g_to}]->(:Storey)``;
- ``(:Fact {code, g_from, g_to, …, properties})``: what is known of a code from one generation to
  another; these decide what is visible at a generation, so that readers see N or N + 1 although
  Neo4j is read-committed;
- ``(:Alias)``, ``(:Tile)``: rows with g_from and g_to like facts;
- ``(:Head)``, ``(:Move)``: the visible generation, and every move of it with its event (outbox);
- ``(:Lease)``: who writes, with the fencing number; ``(:Ticket)``: who waits for it, in order;
  ``(:Change)``: the keys that a batch touched,
  kept until head has reached them, so that the next holder of the lease can undo a dead writer;
- ``(:Counter)``, ``(:Serials)``: the last serial of each prefix, and the blocks handed out.

``graph`` is the adapter, ``connections`` the only module with the driver, ``statements`` reads
cim/cypher; Community edition is enough, without APOC.
"""

from cim.stores.neo4j.graph import Neo4jGraph

__all__ = ["Neo4jGraph"]

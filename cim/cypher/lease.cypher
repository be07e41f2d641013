// Head, the lease of the one writer, and serials. A SET before a read takes the node's write lock
// until the transaction ends, so that what is read is what stands: Neo4j is read-committed.

// name: head
MATCH (h:Head {id: 1}) RETURN h.generation, h.activated_at;

// name: layout
OPTIONAL MATCH (h:Head {id: 1}) RETURN h.layout;

// name: indexes
SHOW INDEXES YIELD name, state WHERE state = 'ONLINE' RETURN name;

// name: await_indexes
CALL db.awaitIndexes(60);

// name: create
MERGE (h:Head {id: 1})
ON CREATE SET h.generation = 0, h.activated_at = 0.0, h.layout = $layout
MERGE (l:Lease {id: 1})
ON CREATE SET l.fence = 0, l.expires_at = 0.0;

// name: lease
MATCH (l:Lease {id: 1}) RETURN l.fence, l.holder, l.process, l.expires_at;

// name: lock_lease
MATCH (l:Lease {id: 1}) SET l.locked = true
WITH l RETURN l.fence, l.holder, l.process, l.expires_at;

// name: take_lease
MATCH (l:Lease {id: 1})
SET l.fence = $fence, l.holder = $holder, l.process = $process, l.expires_at = $expires_at;

// name: renew_lease
MATCH (l:Lease {id: 1}) SET l.locked = true
WITH l WHERE l.fence = $fence AND l.holder IS NOT NULL
SET l.expires_at = $expires_at
RETURN l.fence;

// name: release_lease
MATCH (l:Lease {id: 1}) SET l.holder = null, l.process = null;

// name: move_head
MATCH (h:Head {id: 1}) SET h.generation = $generation, h.activated_at = $at
CREATE (:Move {generation: $generation, at: $at, event: $event, fence: $fence});

// name: move_of
MATCH (m:Move {generation: $generation, fence: $fence}) RETURN m.generation, m.at;

// name: lock_counter
MERGE (c:Counter {prefix: $prefix}) ON CREATE SET c.last = 0
SET c.locked = true
WITH c RETURN c.last;

// name: serials_of_owner
MATCH (s:Serials {prefix: $prefix, owner: $owner}) USING INDEX s:Serials(prefix, owner)
RETURN s.first, s.count ORDER BY s.first;

// name: put_serials
MATCH (c:Counter {prefix: $prefix}) SET c.last = $last
CREATE (:Serials {prefix: $prefix, owner: $owner, first: $first, count: $count});

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
ON CREATE SET h.generation = 0, h.activated_at = 0.0, h.layout = $p.layout
MERGE (l:Lease {id: 1})
ON CREATE SET l.fence = 0, l.expires_at = 0.0;

// name: lease
MATCH (l:Lease {id: 1}) RETURN l.fence, l.holder, l.process, l.expires_at;

// name: lock_lease
MATCH (l:Lease {id: 1}) SET l.locked = true
WITH l RETURN l.fence, l.holder, l.process, l.expires_at;

// name: take_lease
MATCH (l:Lease {id: 1})
SET l.fence = $p.fence, l.holder = $p.holder, l.process = $p.process, l.expires_at = $p.expires_at;

// name: renew_lease
MATCH (l:Lease {id: 1}) SET l.locked = true
WITH l WHERE l.fence = $p.fence AND l.holder IS NOT NULL
SET l.expires_at = $p.expires_at
RETURN l.fence;

// name: release_lease
MATCH (l:Lease {id: 1}) SET l.holder = null, l.process = null;

// name: queue
MATCH (t:Ticket) RETURN t.number, t.holder, t.process, t.expires_at ORDER BY t.number LIMIT 100;

// name: draw_ticket
MERGE (c:Counter {prefix: 'ticket'}) ON CREATE SET c.last = 0
SET c.last = c.last + 1
RETURN c.last;

// name: put_ticket
// Only its owner writes it; one that was forgotten comes back to its place.
MERGE (t:Ticket {number: $p.number})
ON CREATE SET t.holder = $p.holder, t.process = $p.process, t.expires_at = $p.expires_at
WITH t WHERE t.expires_at < $p.soon
SET t.expires_at = $p.expires_at;

// name: drop_tickets
MATCH (t:Ticket) WHERE t.number IN $p.numbers DELETE t;

// name: move_head
MATCH (h:Head {id: 1}) SET h.generation = $p.generation, h.activated_at = $p.at
CREATE (:Move {generation: $p.generation, at: $p.at, event: $p.event, fence: $p.fence,
               valid_from: $p.valid_from});

// name: move_of
MATCH (m:Move {generation: $p.generation, fence: $p.fence}) RETURN m.generation, m.at;

// name: lock_counter
MERGE (c:Counter {prefix: $p.prefix}) ON CREATE SET c.last = 0
SET c.locked = true
WITH c RETURN c.last;

// name: serials_of_owner
MATCH (s:Serials {prefix: $p.prefix, owner: $p.owner}) USING INDEX s:Serials(prefix, owner)
RETURN s.first, s.count ORDER BY s.first;

// name: put_serials
MATCH (c:Counter {prefix: $p.prefix}) SET c.last = $p.last
CREATE (:Serials {prefix: $p.prefix, owner: $p.owner, first: $p.first, count: $p.count});

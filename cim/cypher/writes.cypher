// What one batch of an activation does. A row is open while g_to = $open; rows that began at $g
// were written by this activation itself: they are removed instead of ended, they never were.

// name: log_change
// What a batch touches, so that the next holder of the lease can undo it batch by batch.
CREATE (:Change {g: $p.g, keys: $p.keys});

// name: end_entities
UNWIND $p.keys AS code
MATCH (f:Fact {code: code}) USING INDEX f:Fact(code) WHERE f.g_to = $p.open
WITH f, f.g_from = $p.g AS own
FOREACH (_ IN CASE WHEN own THEN [] ELSE [1] END | SET f.g_to = $p.g)
FOREACH (_ IN CASE WHEN own THEN [1] ELSE [] END | DELETE f);

// name: put_facts
UNWIND $p.rows AS row
CREATE (f:Fact) SET f = row.fact
SET f.at = CASE WHEN row.x IS NULL THEN null ELSE point({x: row.x, y: row.y}) END;

// name: put_anchors
UNWIND $p.rows AS anchor
MERGE (a:Entity {code: anchor.code})
FOREACH (old IN CASE WHEN a.kind <> anchor.kind THEN [a.kind] ELSE [] END | REMOVE a:$(old))
SET a = anchor, a:$(anchor.kind);

// name: end_relations
// Found by an index of its own, not between its ends: whatever the statistics say, a building's
// 20,000 children are never walked for each of them. VERB is one of cim.model.Verb.
UNWIND $p.keys AS key
MATCH ()-[r:VERB {pair: key}]->() USING INDEX r:VERB(pair) WHERE r.g_to = $p.open
WITH r, r.g_from = $p.g AS own
FOREACH (_ IN CASE WHEN own THEN [] ELSE [1] END | SET r.g_to = $p.g)
FOREACH (_ IN CASE WHEN own THEN [1] ELSE [] END | DELETE r);

// name: put_relations
UNWIND $p.rows AS row
MERGE (a:Entity {code: row.source})
MERGE (b:Entity {code: row.target})
CREATE (a)-[r:VERB]->(b) SET r = row.relation;

// name: end_aliases
UNWIND $p.keys AS key
MATCH (a:Alias {stem: key[3], place: key[4]}) USING INDEX a:Alias(stem, place)
WHERE a.g_to = $p.open AND a.scheme = key[0] AND a.scope = key[1] AND a.value = key[2]
WITH a, a.g_from = $p.g AS own
FOREACH (_ IN CASE WHEN own THEN [] ELSE [1] END | SET a.g_to = $p.g)
FOREACH (_ IN CASE WHEN own THEN [1] ELSE [] END | DELETE a);

// name: put_aliases
UNWIND $p.rows AS row
CREATE (a:Alias) SET a = row;

// name: end_tiles
UNWIND $p.keys AS key
MATCH (t:Tile {root: key[0], document: key[1]}) USING INDEX t:Tile(root)
WHERE t.g_to = $p.open
WITH t, t.g_from = $p.g AS own
FOREACH (_ IN CASE WHEN own THEN [] ELSE [1] END | SET t.g_to = $p.g)
FOREACH (_ IN CASE WHEN own THEN [1] ELSE [] END | DELETE t);

// name: put_tiles
UNWIND $p.rows AS row
CREATE (t:Tile) SET t = row;

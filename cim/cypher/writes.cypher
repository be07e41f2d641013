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

// name: near_anchors
MATCH (a:Entity) USING INDEX a:Entity(code)
WHERE a.code >= $p.first AND a.code <= $p.last RETURN 1 LIMIT 1;

// name: known_anchors
UNWIND $p.codes AS code
MATCH (a:Entity {code: code}) USING INDEX a:Entity(code) RETURN code;

// name: put_facts
// The order of a row stands in cim.stores.neo4j.parameters.fact_row; its first nine are the anchor.
UNWIND $p.rows AS r
CREATE (:Fact {code: r[0], kind: r[1], name: r[2], lifecycle: r[3], ifc_class: r[4],
               lon: r[5], lat: r[6], height_m: r[7], grid2d: r[8], g_from: $p.g, g_to: $p.open,
               west: r[9], south: r[10], east: r[11], north: r[12], properties: r[13], terms: r[14],
               at: CASE WHEN r[15] IS NULL THEN null ELSE point({x: r[15], y: r[16]}) END});

// name: create_anchors
// Once for each of cim.model.Kind: of codes that have no anchor yet.
UNWIND $p.rows AS r
CREATE (:Entity:KIND {code: r[0], kind: r[1], name: r[2], lifecycle: r[3], ifc_class: r[4],
                      lon: r[5], lat: r[6], height_m: r[7], grid2d: r[8],
                      g_from: $p.g, g_to: $p.open});

// name: show_anchors
UNWIND $p.rows AS r
MATCH (a:Entity {code: r[0]}) USING INDEX a:Entity(code)
FOREACH (old IN CASE WHEN a.kind <> r[1] THEN [a.kind] ELSE [] END | REMOVE a:$(old))
SET a = {code: r[0], kind: r[1], name: r[2], lifecycle: r[3], ifc_class: r[4],
         lon: r[5], lat: r[6], height_m: r[7], grid2d: r[8], g_from: $p.g, g_to: $p.open},
    a:$(r[1]);

// name: near_relations
MATCH ()-[r:VERB]->() USING INDEX r:VERB(pair)
WHERE r.pair >= $p.first AND r.pair <= $p.last RETURN 1 LIMIT 1;

// name: end_relations
// Found by an index of its own, not between its ends: whatever the statistics say, a building's
// 20,000 children are never walked for each of them. VERB is one of cim.model.Verb.
UNWIND $p.keys AS key
MATCH ()-[r:VERB {pair: key}]->() USING INDEX r:VERB(pair) WHERE r.g_to = $p.open
WITH r, r.g_from = $p.g AS own
FOREACH (_ IN CASE WHEN own THEN [] ELSE [1] END | SET r.g_to = $p.g)
FOREACH (_ IN CASE WHEN own THEN [1] ELSE [] END | DELETE r);

// name: put_relations
// Rows: source, target, pair, properties.
UNWIND $p.rows AS row
MERGE (a:Entity {code: row[0]})
MERGE (b:Entity {code: row[1]})
CREATE (a)-[:VERB {pair: row[2], properties: row[3], g_from: $p.g, g_to: $p.open}]->(b);

// name: near_aliases
MATCH (a:Alias) USING INDEX a:Alias(stem, place)
WHERE a.stem >= $p.first AND a.stem <= $p.last AND a.place IS NOT NULL RETURN 1 LIMIT 1;

// name: end_aliases
UNWIND $p.keys AS key
MATCH (a:Alias {stem: key[3], place: key[4]}) USING INDEX a:Alias(stem, place)
WHERE a.g_to = $p.open AND a.scheme = key[0] AND a.scope = key[1] AND a.value = key[2]
WITH a, a.g_from = $p.g AS own
FOREACH (_ IN CASE WHEN own THEN [] ELSE [1] END | SET a.g_to = $p.g)
FOREACH (_ IN CASE WHEN own THEN [1] ELSE [] END | DELETE a);

// name: put_aliases
// The order of a row stands in cim.stores.neo4j.parameters.alias_row.
UNWIND $p.rows AS r
CREATE (:Alias {scheme: r[0], scope: r[1], value: r[2], code: r[3], source: r[4], confidence: r[5],
                stem: r[6], place: r[7], g_from: $p.g, g_to: $p.open});

// name: end_tiles
UNWIND $p.keys AS key
MATCH (t:Tile {root: key[0], document: key[1]}) USING INDEX t:Tile(root)
WHERE t.g_to = $p.open
WITH t, t.g_from = $p.g AS own
FOREACH (_ IN CASE WHEN own THEN [] ELSE [1] END | SET t.g_to = $p.g)
FOREACH (_ IN CASE WHEN own THEN [1] ELSE [] END | DELETE t);

// name: put_tiles
UNWIND $p.rows AS row
CREATE (:Tile {root: row[0], document: row[1], entry: row[2], g_from: $p.g, g_to: $p.open});

// Undo one batch above head: what it wrote goes, what it ended is open again.

// name: changes_above
MATCH (c:Change) USING INDEX c:Change(g) WHERE c.g > $p.head RETURN elementId(c), c.keys LIMIT 1;

// name: drop_change
MATCH (c:Change) WHERE elementId(c) = $p.id DELETE c;

// name: forget_changes
// What head has reached can never be undone; a few are forgotten with every lease.
MATCH (c:Change) USING INDEX c:Change(g) WHERE c.g <= $p.head WITH c LIMIT $p.limit DELETE c;

// name: undo_entities
UNWIND $p.keys AS code
MATCH (f:Fact {code: code}) USING INDEX f:Fact(code)
WHERE f.g_from > $p.head DELETE f;

// name: reopen_entities
UNWIND $p.keys AS code
MATCH (f:Fact {code: code}) USING INDEX f:Fact(code)
WHERE f.g_to > $p.head AND f.g_to < $p.open SET f.g_to = $p.open;

// name: restore_anchors
// The anchor shows the newest facts again; one that never had any keeps its code alone.
UNWIND $p.keys AS code
MATCH (a:Entity {code: code})
CALL (a) {
  OPTIONAL MATCH (f:Fact {code: a.code}) USING INDEX f:Fact(code)
  RETURN f ORDER BY f.g_from DESC LIMIT 1
}
FOREACH (old IN CASE WHEN a.kind IS NULL THEN [] ELSE [a.kind] END | REMOVE a:$(old))
SET a = {code: a.code, kind: f.kind, name: f.name, lifecycle: f.lifecycle,
         ifc_class: f.ifc_class, lon: f.lon, lat: f.lat, height_m: f.height_m,
         grid2d: f.grid2d, g_from: f.g_from, g_to: f.g_to}
FOREACH (kind IN CASE WHEN f IS NULL THEN [] ELSE [f.kind] END | SET a:$(kind));

// name: undo_relations
UNWIND $p.keys AS key
MATCH ()-[r:VERB {pair: key}]->() USING INDEX r:VERB(pair) WHERE r.g_from > $p.head DELETE r;

// name: reopen_relations
UNWIND $p.keys AS key
MATCH ()-[r:VERB {pair: key}]->() USING INDEX r:VERB(pair)
WHERE r.g_to > $p.head AND r.g_to < $p.open SET r.g_to = $p.open;

// name: undo_aliases
UNWIND $p.keys AS key
MATCH (a:Alias {stem: key[3], place: key[4]}) USING INDEX a:Alias(stem, place)
WHERE a.g_from > $p.head DELETE a;

// name: reopen_aliases
UNWIND $p.keys AS key
MATCH (a:Alias {stem: key[3], place: key[4]}) USING INDEX a:Alias(stem, place)
WHERE a.g_to > $p.head AND a.g_to < $p.open
SET a.g_to = $p.open;

// name: undo_tiles
UNWIND $p.keys AS key
MATCH (t:Tile {root: key[0], document: key[1]}) USING INDEX t:Tile(root)
WHERE t.g_from > $p.head DELETE t;

// name: reopen_tiles
UNWIND $p.keys AS key
MATCH (t:Tile {root: key[0], document: key[1]}) USING INDEX t:Tile(root)
WHERE t.g_to > $p.head AND t.g_to < $p.open
SET t.g_to = $p.open;

// What is read at a generation: g_from <= $g AND $g < g_to decides. Facts decide what is visible,
// never the anchor, which already shows what an activation under way has written.
// VERBS stands for relation types joined by |, from the enumeration cim.model.Verb.

// name: entities
UNWIND $p.codes AS code
MATCH (f:Fact {code: code}) USING INDEX f:Fact(code)
WHERE f.g_from <= $p.g AND $p.g < f.g_to
RETURN f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties;

// name: entities_ended
UNWIND $p.codes AS code
CALL (code) {
  MATCH (f:Fact {code: code}) USING INDEX f:Fact(code)
WHERE f.g_from <= $p.g RETURN f ORDER BY f.g_from DESC LIMIT 1
}
RETURN f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties;

// name: outgoing
UNWIND $p.codes AS code
MATCH (a:Entity {code: code})-[r:VERBS]->(b:Entity) USING INDEX a:Entity(code)
WHERE r.g_from <= $p.g AND $p.g < r.g_to
RETURN type(r), a.code, b.code, r.properties LIMIT $p.limit;

// name: incoming
UNWIND $p.codes AS code
MATCH (b:Entity {code: code})<-[r:VERBS]-(a:Entity) USING INDEX b:Entity(code)
WHERE r.g_from <= $p.g AND $p.g < r.g_to
RETURN type(r), a.code, b.code, r.properties LIMIT $p.limit;

// name: children
// By the index of pairs, which has them in order: a page costs its own length, not all children.
// (Only r.pair on the left of both comparisons bounds the seek on both sides.)
MATCH ()-[r:CONTAINS]->(b) USING INDEX r:CONTAINS(pair)
WHERE r.pair > $p.first AND r.pair < $p.last AND r.g_from <= $p.g AND $p.g < r.g_to
MATCH (f:Fact {code: b.code}) USING INDEX f:Fact(code)
WHERE f.g_from <= $p.g AND $p.g < f.g_to AND ($p.kinds = [] OR f.kind IN $p.kinds)
RETURN f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties
ORDER BY r.pair LIMIT $p.limit;

// name: counts
MATCH p = (a:Entity {code: $p.code})-[:CONTAINS*1..]->(b:Entity)
WHERE all(r IN relationships(p) WHERE r.g_from <= $p.g AND $p.g < r.g_to)
WITH DISTINCT b WHERE b.code <> $p.code
MATCH (f:Fact {code: b.code}) USING INDEX f:Fact(code)
WHERE f.g_from <= $p.g AND $p.g < f.g_to
RETURN f.kind, count(*);

// name: aliases_of_values
UNWIND $p.keys AS key
MATCH (a:Alias {stem: key[1]}) USING INDEX a:Alias(stem, place)
WHERE a.place IS NOT NULL AND a.value = key[0] AND a.g_from <= $p.g
  AND ($p.scheme IS NULL OR a.scheme = $p.scheme) AND ($p.scope IS NULL OR a.scope = $p.scope)
RETURN a.scheme, a.scope, a.value, a.code, a.source, a.confidence, a.g_from, a.g_to;

// name: aliases_of_codes
UNWIND $p.codes AS code
MATCH (a:Alias {code: code}) USING INDEX a:Alias(code)
WHERE a.g_from <= $p.g AND $p.g < a.g_to
RETURN a.scheme, a.scope, a.value, a.code, a.source, a.confidence, a.g_from, a.g_to;

// name: tiles
MATCH (t:Tile) WHERE t.g_from <= $p.g AND $p.g < t.g_to
RETURN t.entry ORDER BY t.root, t.document;

// name: moves
MATCH (m:Move) WHERE m.generation > $p.after
RETURN m.generation, m.at, m.event ORDER BY m.generation LIMIT $p.limit;

// name: generation_at
MATCH (m:Move) USING INDEX m:Move(at) WHERE m.at <= $p.at
RETURN m.generation ORDER BY m.at DESC, m.generation DESC LIMIT 1;

// name: dated
MATCH (m:Move) USING INDEX m:Move(valid_from) WHERE m.valid_from <= $p.valid_until
  AND m.generation > $p.after AND m.generation <= $p.upto
RETURN m.generation, m.at, m.event ORDER BY m.generation LIMIT $p.limit;

// What is read at a generation: g_from <= $g AND $g < g_to decides. Facts decide what is visible,
// never the anchor, which already shows what an activation under way has written.
// VERBS stands for relation types joined by |, from the enumeration cim.model.Verb.

// name: entities
UNWIND $codes AS code
MATCH (f:Fact {code: code}) USING INDEX f:Fact(code)
WHERE f.g_from <= $g AND $g < f.g_to
RETURN f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties;

// name: entities_ended
UNWIND $codes AS code
CALL (code) {
  MATCH (f:Fact {code: code}) USING INDEX f:Fact(code)
WHERE f.g_from <= $g RETURN f ORDER BY f.g_from DESC LIMIT 1
}
RETURN f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties;

// name: outgoing
UNWIND $codes AS code
MATCH (a:Entity {code: code})-[r:VERBS]->(b:Entity) USING INDEX a:Entity(code)
WHERE r.g_from <= $g AND $g < r.g_to
RETURN type(r), a.code, b.code, r.properties LIMIT $limit;

// name: incoming
UNWIND $codes AS code
MATCH (b:Entity {code: code})<-[r:VERBS]-(a:Entity) USING INDEX b:Entity(code)
WHERE r.g_from <= $g AND $g < r.g_to
RETURN type(r), a.code, b.code, r.properties LIMIT $limit;

// name: children
// By the index of pairs, which has them in order: a page costs its own length, not all children.
MATCH ()-[r:CONTAINS]->(b) USING INDEX r:CONTAINS(pair)
WHERE $first < r.pair AND r.pair < $last AND r.g_from <= $g AND $g < r.g_to
MATCH (f:Fact {code: b.code}) USING INDEX f:Fact(code)
WHERE f.g_from <= $g AND $g < f.g_to AND ($kinds IS NULL OR f.kind IN $kinds)
RETURN f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties
ORDER BY r.pair LIMIT $limit;

// name: counts
MATCH p = (a:Entity {code: $code})-[:CONTAINS*1..]->(b:Entity)
WHERE all(r IN relationships(p) WHERE r.g_from <= $g AND $g < r.g_to)
WITH DISTINCT b WHERE b.code <> $code
MATCH (f:Fact {code: b.code}) USING INDEX f:Fact(code)
WHERE f.g_from <= $g AND $g < f.g_to
RETURN f.kind, count(*);

// name: aliases_of_values
UNWIND $keys AS key
MATCH (a:Alias {stem: key[1]}) USING INDEX a:Alias(stem, place)
WHERE a.place IS NOT NULL AND a.value = key[0] AND a.g_from <= $g
  AND ($scheme IS NULL OR a.scheme = $scheme) AND ($scope IS NULL OR a.scope = $scope)
RETURN a.scheme, a.scope, a.value, a.code, a.source, a.confidence, a.g_from, a.g_to;

// name: aliases_of_codes
UNWIND $codes AS code
MATCH (a:Alias {code: code}) USING INDEX a:Alias(code)
WHERE a.g_from <= $g AND $g < a.g_to
RETURN a.scheme, a.scope, a.value, a.code, a.source, a.confidence, a.g_from, a.g_to;

// name: tiles
MATCH (t:Tile) WHERE t.g_from <= $g AND $g < t.g_to
RETURN t.entry ORDER BY t.root, t.document;

// name: moves
MATCH (m:Move) WHERE m.generation > $after
RETURN m.generation, m.at, m.event ORDER BY m.generation LIMIT $limit;

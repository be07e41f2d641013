// What one answer tells of each code, read together (cim.stores.neo4j.dossiers). $few bounds each
// list: one that is as long is told by the small statements instead.

// name: dossiers
// known: the facts of whatever the lists name, and the newest of the code itself.
UNWIND $p.codes AS code
MATCH (a:Entity {code: code}) USING INDEX a:Entity(code)
CALL (a) {
  MATCH (f:Fact {code: a.code}) USING INDEX f:Fact(code) WHERE f.g_from <= $p.g
  RETURN f AS own ORDER BY f.g_from DESC LIMIT 1
}
CALL (a) {
  MATCH way = (a)<-[:CONTAINS*0..32]-(x)
  WHERE all(r IN relationships(way) WHERE r.g_from <= $p.g AND $p.g < r.g_to)
  WITH DISTINCT x LIMIT $p.few
  RETURN collect([
    x.code,
    [(x)<-[r:CONTAINS]-(y) WHERE r.g_from <= $p.g AND $p.g < r.g_to | y.code],
    [(x)-[r:LOCATED_AT]->(y) WHERE r.g_from <= $p.g AND $p.g < r.g_to | y.code]]) AS above
}
CALL (a) {
  MATCH (a)-[r:DELIVERED_IN|OBSERVES]->(y) WHERE r.g_from <= $p.g AND $p.g < r.g_to
  WITH r, y LIMIT $p.few
  RETURN collect([type(r), a.code, y.code, r.properties]) AS said
}
CALL (a) {
  MATCH (n:Alias {code: a.code}) USING INDEX n:Alias(code)
  WHERE n.g_from <= $p.g AND $p.g < n.g_to
  WITH n LIMIT $p.few
  RETURN collect([n.scheme, n.scope, n.value, n.code, n.source, n.confidence]) AS aliases
}
CALL (a) {
  MATCH (a)<-[r:OBSERVES]-(y) WHERE r.g_from <= $p.g AND $p.g < r.g_to
  WITH y LIMIT $p.few
  RETURN collect(y.code) AS heard
}
CALL (a, own) {
  MATCH way = (a)-[:CONTAINS*1..]->(x)
  WHERE all(r IN relationships(way) WHERE r.g_from <= $p.g AND $p.g < r.g_to)
  WITH DISTINCT x, own LIMIT $p.few
  OPTIONAL MATCH (h:Fact {code: x.code}) USING INDEX h:Fact(code)
  WHERE h.g_from <= $p.g AND $p.g < h.g_to
  RETURN collect([
    x.code,
    h.kind,
    [(x)<-[r:OBSERVES]-(y)
     WHERE own.kind IN $p.with_parts AND r.g_from <= $p.g AND $p.g < r.g_to | y.code]]) AS below
}
CALL (own, above, said, heard, below) {
  UNWIND [row IN above | row[0]] + heard + [row IN said | row[2]]
         + reduce(codes = [], row IN above | codes + row[2])
         + reduce(codes = [], row IN below | codes + row[2]) AS code
  WITH DISTINCT code, own
  MATCH (f:Fact {code: code}) USING INDEX f:Fact(code)
  WHERE f.g_from <= $p.g AND ($p.g < f.g_to OR f = own)
  RETURN collect([COLUMNS]) AS known
}
RETURN code, own.g_to, above, said, aliases, heard, below, known;

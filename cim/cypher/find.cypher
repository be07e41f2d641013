// Finding entities: one driver by_…, then the conditions. A condition not asked is empty, not null:
// the server plans a statement once for each combination of its parameters' types.

// name: by_words
CALL db.index.fulltext.queryNodes('fact_terms', $p.words) YIELD node AS f
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.code LIMIT $p.limit;

// name: by_codes
UNWIND $p.codes AS code
MATCH (f:Fact {code: code}) USING INDEX f:Fact(code)
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.code LIMIT $p.limit;

// name: by_box
UNWIND $p.places AS place
MATCH (f:Fact) USING INDEX f:Fact(at)
WHERE point.withinBBox(f.at, point({x: place[0], y: place[1]}), point({x: place[2], y: place[3]}))
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.code LIMIT $p.limit;

// name: by_grid
MATCH (f:Fact) USING INDEX f:Fact(grid2d) WHERE f.grid2d STARTS WITH $p.grid
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.code LIMIT $p.limit;

// name: by_class
MATCH (f:Fact) USING INDEX f:Fact(ifc_class, code)
WHERE f.ifc_class = $p.ifc_class AND f.code > $p.after
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.ifc_class, f.code LIMIT $p.limit;

// name: by_kind
UNWIND $p.kinds AS kind
CALL (kind) {
  MATCH (f:Fact) USING INDEX f:Fact(kind, code) WHERE f.kind = kind AND f.code > $p.after
  WITH f CONDITIONS
  RETURN f ORDER BY f.kind, f.code LIMIT $p.limit
}
RETURN COLUMNS ORDER BY f.code LIMIT $p.limit;

// name: by_code
MATCH (f:Fact) USING INDEX f:Fact(code) WHERE f.code > $p.after
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.code LIMIT $p.limit;

// name: conditions
WHERE f.code > $p.after AND f.g_from <= $p.g AND $p.g < f.g_to
  AND ($p.kinds = [] OR f.kind IN $p.kinds)
  AND ($p.among = [] OR f.code IN $p.among)
  AND ($p.ifc_class = '' OR f.ifc_class = $p.ifc_class)
  AND ($p.grid = '' OR f.grid2d STARTS WITH $p.grid)
  AND (NOT $p.boxed
    OR (f.west <= $p.east AND f.east >= $p.west AND f.south <= $p.north AND f.north >= $p.south)
    OR ($p.west <= f.lon AND f.lon <= $p.east AND $p.south <= f.lat AND f.lat <= $p.north));

// name: columns
f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties;

// name: count_box
UNWIND $p.places AS place
MATCH (f:Fact) USING INDEX f:Fact(at)
WHERE point.withinBBox(f.at, point({x: place[0], y: place[1]}), point({x: place[2], y: place[3]}))
WITH f LIMIT $p.limit
RETURN count(f);

// name: count_grid
MATCH (f:Fact) USING INDEX f:Fact(grid2d) WHERE f.grid2d STARTS WITH $p.grid
WITH f LIMIT $p.limit
RETURN count(f);

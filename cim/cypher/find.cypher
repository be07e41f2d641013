// Finding entities: one driver by_…, then the conditions; a condition not asked is null.

// name: by_words
CALL db.index.fulltext.queryNodes('fact_terms', $words) YIELD node AS f
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.code LIMIT $limit;

// name: by_box
UNWIND $places AS place
MATCH (f:Fact) USING INDEX f:Fact(at)
WHERE point.withinBBox(f.at, point({x: place[0], y: place[1]}), point({x: place[2], y: place[3]}))
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.code LIMIT $limit;

// name: by_grid
MATCH (f:Fact) USING INDEX f:Fact(grid2d) WHERE f.grid2d STARTS WITH $grid
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.code LIMIT $limit;

// name: by_class
MATCH (f:Fact) USING INDEX f:Fact(ifc_class, code)
WHERE f.ifc_class = $ifc_class AND f.code > $after
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.ifc_class, f.code LIMIT $limit;

// name: by_kind
UNWIND $kinds AS kind
CALL (kind) {
  MATCH (f:Fact) USING INDEX f:Fact(kind, code) WHERE f.kind = kind AND f.code > $after
  WITH f CONDITIONS
  RETURN f ORDER BY f.kind, f.code LIMIT $limit
}
RETURN COLUMNS ORDER BY f.code LIMIT $limit;

// name: by_code
MATCH (f:Fact) USING INDEX f:Fact(code) WHERE f.code > $after
WITH f CONDITIONS
RETURN COLUMNS ORDER BY f.code LIMIT $limit;

// name: conditions
WHERE f.code > $after AND f.g_from <= $g AND $g < f.g_to
  AND ($kinds IS NULL OR f.kind IN $kinds)
  AND ($ifc_class IS NULL OR f.ifc_class = $ifc_class)
  AND ($grid IS NULL OR f.grid2d STARTS WITH $grid)
  AND ($west IS NULL
    OR (f.west <= $east AND f.east >= $west AND f.south <= $north AND f.north >= $south)
    OR ($west <= f.lon AND f.lon <= $east AND $south <= f.lat AND f.lat <= $north));

// name: columns
f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties;

// name: count_box
UNWIND $places AS place
MATCH (f:Fact) USING INDEX f:Fact(at)
WHERE point.withinBBox(f.at, point({x: place[0], y: place[1]}), point({x: place[2], y: place[3]}))
WITH f LIMIT $limit
RETURN count(f);

// What was known of one code, newest first.

// name: history
MATCH (f:Fact {code: $p.code}) USING INDEX f:Fact(code)
WHERE f.g_from < $p.last
RETURN f.g_from, f.g_to, f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties
ORDER BY f.g_from DESC LIMIT $p.limit;

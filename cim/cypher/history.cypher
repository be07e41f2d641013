// What was known of one code, and what it was called, newest first.

// name: history
MATCH (f:Fact {code: $p.code}) USING INDEX f:Fact(code)
WHERE f.g_from < $p.last
RETURN f.g_from, f.g_to, f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties
ORDER BY f.g_from DESC LIMIT $p.limit;

// name: alias_history
MATCH (a:Alias {code: $p.code}) USING INDEX a:Alias(code)
WHERE a.g_from <= $p.g
RETURN a.scheme, a.scope, a.value, a.code, a.source, a.confidence, a.g_from, a.g_to
ORDER BY a.g_from DESC, a.scheme, a.scope, a.value LIMIT $p.limit;

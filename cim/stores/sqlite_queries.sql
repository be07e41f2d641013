-- Every statement of the SQLite graph, by name (cim/stores/sqlite_sql.py reads this file).
-- Parameters only. A generation is asked as g_from <= :g AND :g < g_to.

-- name: head
SELECT generation, activated_at FROM head;

-- name: entity
SELECT f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties
FROM facts f INDEXED BY facts_code
WHERE f.code = :code AND f.g_from <= :g AND :g < f.g_to;

-- name: entity_ended
SELECT f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties
FROM facts f INDEXED BY facts_code
WHERE f.code = :code AND f.g_from <= :g
ORDER BY f.g_from DESC LIMIT 1;

-- name: history
SELECT f.g_from, f.g_to, f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties
FROM facts f INDEXED BY facts_code
WHERE f.code = :code AND f.g_from < :last
ORDER BY f.g_from DESC LIMIT :limit;

-- name: children
SELECT f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties
FROM relations r CROSS JOIN facts f INDEXED BY facts_code ON f.code = r.target
WHERE r.source = :code AND r.verb = 'CONTAINS' AND r.target > :after
  AND r.g_from <= :g AND :g < r.g_to
  AND f.g_from <= :g AND :g < f.g_to
  AND (:kinds = '[]' OR f.kind IN (SELECT value FROM json_each(:kinds)))
ORDER BY r.target LIMIT :limit;

-- name: has_children
SELECT 1 FROM relations
WHERE source = :code AND verb = 'CONTAINS' AND g_from <= :g AND :g < g_to LIMIT 1;

-- name: counts
WITH RECURSIVE below (code) AS (
  SELECT target FROM relations
  WHERE source = :code AND verb = 'CONTAINS' AND g_from <= :g AND :g < g_to
  UNION
  SELECT r.target FROM below CROSS JOIN relations r ON r.source = below.code
  WHERE r.verb = 'CONTAINS' AND r.g_from <= :g AND :g < r.g_to
)
SELECT f.kind, count(*)
FROM below CROSS JOIN facts f INDEXED BY facts_code ON f.code = below.code
WHERE f.g_from <= :g AND :g < f.g_to AND below.code <> :code
GROUP BY f.kind;

-- name: outgoing
SELECT verb, source, target, properties FROM relations
WHERE source = :code AND verb = :verb AND g_from <= :g AND :g < g_to
ORDER BY target LIMIT :limit;

-- name: incoming
SELECT r.verb, r.source, r.target, r.properties
FROM relations k INDEXED BY relations_target
CROSS JOIN relations r ON (r.source, r.verb, r.target, r.g_from)
                        = (k.source, k.verb, k.target, k.g_from)
WHERE k.target = :code AND k.verb = :verb AND k.g_from <= :g AND :g < k.g_to
ORDER BY k.source LIMIT :limit;

-- name: aliases_of_value
SELECT scheme, scope, value, code, source, confidence, g_from, g_to FROM aliases
WHERE value = :value AND g_from <= :g LIMIT :limit;

-- name: aliases_of_code
SELECT scheme, scope, value, code, source, confidence, g_from, g_to FROM aliases
INDEXED BY aliases_code
WHERE code = :code AND g_from <= :g AND :g < g_to LIMIT :limit;

-- A dossier (sqlite_dossiers): ?1 code, ?2 generation, ?3 rows at most; numbers bind fastest.

-- name: dossier_way
WITH RECURSIVE above (code, child) AS (
  SELECT ?1, NULL
  UNION
  SELECT k.source, k.target
  FROM above CROSS JOIN relations k INDEXED BY relations_target ON k.target = above.code
  WHERE k.verb = 'CONTAINS' AND k.g_from <= ?2 AND ?2 < k.g_to
  LIMIT ?3
)
SELECT above.code, above.child,
       (SELECT l.target FROM relations l WHERE l.source = above.code AND l.verb = 'LOCATED_AT'
        AND l.g_from <= ?2 AND ?2 < l.g_to ORDER BY l.target LIMIT 1),
       f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties
FROM above LEFT JOIN facts f INDEXED BY facts_code
ON f.code = above.code AND f.g_from <= ?2 AND ?2 < f.g_to;

-- name: dossier_delivered
SELECT verb, source, target, properties FROM relations
WHERE source = ?1 AND verb = 'DELIVERED_IN' AND g_from <= ?2 AND ?2 < g_to
ORDER BY target LIMIT ?3;

-- name: dossier_observes
SELECT target FROM relations
WHERE source = ?1 AND verb = 'OBSERVES' AND g_from <= ?2 AND ?2 < g_to
ORDER BY target LIMIT ?3;

-- name: dossier_observers
SELECT source FROM relations INDEXED BY relations_target
WHERE target = ?1 AND verb = 'OBSERVES' AND g_from <= ?2 AND ?2 < g_to
ORDER BY source LIMIT ?3;

-- name: dossier_aliases
SELECT scheme, scope, value, code, source, confidence FROM aliases INDEXED BY aliases_code
WHERE code = ?1 AND g_from <= ?2 AND ?2 < g_to LIMIT ?3;

-- name: dossier_below
WITH RECURSIVE below (code) AS (
  SELECT target FROM relations
  WHERE source = ?1 AND verb = 'CONTAINS' AND g_from <= ?2 AND ?2 < g_to
  UNION
  SELECT r.target FROM below CROSS JOIN relations r ON r.source = below.code
  WHERE r.verb = 'CONTAINS' AND r.g_from <= ?2 AND ?2 < r.g_to
  LIMIT ?3
)
SELECT below.code, f.kind FROM below LEFT JOIN facts f INDEXED BY facts_code
ON f.code = below.code AND f.g_from <= ?2 AND ?2 < f.g_to;

-- name: alias_history
SELECT scheme, scope, value, code, source, confidence, g_from, g_to FROM aliases
INDEXED BY aliases_code
WHERE code = :code AND g_from <= :g
ORDER BY g_from DESC, scheme, scope, value LIMIT :limit;

-- name: has_word
SELECT 1 FROM words WHERE words MATCH :word LIMIT 1;

-- name: tiles
SELECT root, document, entry FROM tiles WHERE g_from <= :g AND :g < g_to ORDER BY root, document;

-- name: moves
SELECT generation, at, event FROM outbox WHERE generation > :after ORDER BY generation LIMIT :limit;

-- name: generation_at
SELECT generation FROM outbox WHERE at <= :at ORDER BY at DESC, generation DESC LIMIT 1;

-- name: dated
SELECT generation, at, event FROM outbox INDEXED BY outbox_dated
WHERE json_extract(event, '$.valid_from') <= :valid_until
  AND generation > :after AND generation <= :upto
ORDER BY generation LIMIT :limit;

-- name: lease
SELECT fence, holder, process, expires_at FROM lease;

-- name: take_lease
UPDATE lease SET fence = fence + 1, holder = :holder, process = :process, expires_at = :expires_at;

-- name: renew_lease
UPDATE lease SET expires_at = :expires_at
WHERE fence = :fence AND holder IS NOT NULL AND (SELECT generation FROM head) = :base;

-- name: release_lease
UPDATE lease SET holder = NULL, process = NULL;

-- name: make_queue
CREATE TABLE IF NOT EXISTS lease_queue (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  holder TEXT NOT NULL,
  process TEXT NOT NULL,
  expires_at REAL NOT NULL
) STRICT;

-- name: queue
SELECT number, holder, process, expires_at FROM lease_queue ORDER BY number LIMIT 100;

-- name: put_ticket
INSERT INTO lease_queue VALUES (:number, :holder, :process, :expires_at)
ON CONFLICT (number) DO UPDATE SET expires_at = :expires_at WHERE expires_at < :soon;

-- name: drop_ticket
DELETE FROM lease_queue WHERE number = :number;

-- name: move_head
UPDATE head SET generation = :generation, activated_at = :at;

-- name: put_move
INSERT INTO outbox VALUES (:generation, :at, :event);

-- name: last_fact
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'facts'), 0);

-- name: near_fact
SELECT 1 FROM facts INDEXED BY facts_code WHERE code BETWEEN :first AND :last LIMIT 1;

-- name: near_relation
SELECT 1 FROM relations WHERE source BETWEEN :first AND :last LIMIT 1;

-- name: near_alias
SELECT 1 FROM aliases WHERE value BETWEEN :first AND :last LIMIT 1;

-- name: near_tile
SELECT 1 FROM tiles WHERE root BETWEEN :first AND :last LIMIT 1;

-- name: open_facts
SELECT f.id, f.g_from FROM json_each(:codes) j CROSS JOIN facts f INDEXED BY facts_code
ON f.code = j.value AND f.g_to = 9223372036854775807;

-- name: open_relation
SELECT r.source, r.verb, r.target FROM json_each(:keys) j CROSS JOIN relations r
ON r.source = json_extract(j.value, '$[0]') AND r.verb = json_extract(j.value, '$[1]')
AND r.target = json_extract(j.value, '$[2]') AND r.g_to = 9223372036854775807;

-- name: open_alias
SELECT a.scheme, a.scope, a.value FROM json_each(:keys) j CROSS JOIN aliases a
ON a.scheme = json_extract(j.value, '$[0]') AND a.scope = json_extract(j.value, '$[1]')
AND a.value = json_extract(j.value, '$[2]') AND a.g_to = 9223372036854775807;

-- name: open_tile
SELECT t.root, t.document FROM json_each(:keys) j CROSS JOIN tiles t
ON t.root = json_extract(j.value, '$[0]') AND t.document = json_extract(j.value, '$[1]')
AND t.g_to = 9223372036854775807;

-- name: facts_above
SELECT id FROM facts INDEXED BY facts_from WHERE g_from > :head LIMIT :limit;

-- name: drop_box
DELETE FROM boxes WHERE id = ?;

-- name: drop_fact
DELETE FROM facts WHERE id = ?;

-- name: end_fact
UPDATE facts SET g_to = ? WHERE id = ?;

-- name: put_bare_fact
INSERT INTO facts (id, code, g_from, g_to, kind, name, lifecycle, height_m, grid2d, ifc_class,
                   properties)
VALUES (?, ?, ?, 9223372036854775807, ?, ?, ?, ?, ?, ?, ?);

-- name: put_fact
INSERT INTO facts (id, code, g_from, g_to, kind, name, lifecycle, height_m, grid2d, ifc_class,
                   properties, lon, lat, west, south, east, north)
VALUES (?, ?, ?, 9223372036854775807, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: put_box
INSERT INTO boxes (id, west, east, south, north) VALUES (?, ?, ?, ?, ?);

-- name: put_words
INSERT INTO words (rowid, terms) VALUES (?, ?);

-- name: drop_relation
DELETE FROM relations WHERE g_from = ? AND source = ? AND verb = ? AND target = ?;

-- name: end_relation
UPDATE relations SET g_to = ?
WHERE source = ? AND verb = ? AND target = ? AND g_to = 9223372036854775807;

-- name: put_relation
INSERT INTO relations (g_from, source, verb, target, g_to, properties)
VALUES (?, ?, ?, ?, 9223372036854775807, ?);

-- name: drop_alias
DELETE FROM aliases WHERE g_from = ? AND scheme = ? AND scope = ? AND value = ?;

-- name: end_alias
UPDATE aliases SET g_to = ?
WHERE scheme = ? AND scope = ? AND value = ? AND g_to = 9223372036854775807;

-- name: put_alias
INSERT INTO aliases (g_from, scheme, scope, value, g_to, code, source, confidence)
VALUES (?, ?, ?, ?, 9223372036854775807, ?, ?, ?);

-- name: drop_tile
DELETE FROM tiles WHERE g_from = ? AND root = ? AND document = ?;

-- name: end_tile
UPDATE tiles SET g_to = ? WHERE root = ? AND document = ? AND g_to = 9223372036854775807;

-- name: put_tile
INSERT INTO tiles (g_from, root, document, g_to, entry)
VALUES (?, ?, ?, 9223372036854775807, ?);

-- name: reopen_facts
UPDATE facts SET g_to = 9223372036854775807 WHERE id IN (
  SELECT id FROM facts INDEXED BY facts_to
  WHERE g_to > :head AND g_to < 9223372036854775807 LIMIT :limit);

-- name: undo_relations
DELETE FROM relations WHERE (source, verb, target, g_from) IN (
  SELECT source, verb, target, g_from FROM relations INDEXED BY relations_from
  WHERE g_from > :head LIMIT :limit);

-- name: reopen_relations
UPDATE relations SET g_to = 9223372036854775807 WHERE (source, verb, target, g_from) IN (
  SELECT source, verb, target, g_from FROM relations INDEXED BY relations_to
  WHERE g_to > :head AND g_to < 9223372036854775807 LIMIT :limit);

-- name: undo_aliases
DELETE FROM aliases WHERE (value, scheme, scope, g_from) IN (
  SELECT value, scheme, scope, g_from FROM aliases INDEXED BY aliases_from
  WHERE g_from > :head LIMIT :limit);

-- name: reopen_aliases
UPDATE aliases SET g_to = 9223372036854775807 WHERE (value, scheme, scope, g_from) IN (
  SELECT value, scheme, scope, g_from FROM aliases INDEXED BY aliases_to
  WHERE g_to > :head AND g_to < 9223372036854775807 LIMIT :limit);

-- name: undo_tiles
DELETE FROM tiles WHERE g_from > :head;

-- name: reopen_tiles
UPDATE tiles SET g_to = 9223372036854775807
WHERE g_to > :head AND g_to < 9223372036854775807;

-- name: serials_of_owner
SELECT first, count FROM serials WHERE prefix = :prefix AND owner = :owner ORDER BY first;

-- name: last_serial
SELECT first + count - 1 FROM serials WHERE prefix = :prefix ORDER BY first DESC LIMIT 1;

-- name: put_serials
INSERT INTO serials (prefix, first, count, owner) VALUES (:prefix, :first, :count, :owner);

// Constraints and indexes of the city graph, for Neo4j 5 Community (no existence constraints).
// Each makes the index of its name, and may be run again. What the labels mean stands in cim/stores/neo4j/__init__.py.

// name: entity_code
CREATE CONSTRAINT entity_code IF NOT EXISTS FOR (n:Entity) REQUIRE n.code IS UNIQUE;

// name: head_id
CREATE CONSTRAINT head_id IF NOT EXISTS FOR (n:Head) REQUIRE n.id IS UNIQUE;

// name: lease_id
CREATE CONSTRAINT lease_id IF NOT EXISTS FOR (n:Lease) REQUIRE n.id IS UNIQUE;

// name: move_generation
CREATE CONSTRAINT move_generation IF NOT EXISTS FOR (n:Move) REQUIRE n.generation IS UNIQUE;

// name: move_at
CREATE INDEX move_at IF NOT EXISTS FOR (n:Move) ON (n.at);

// name: move_valid_from
CREATE INDEX move_valid_from IF NOT EXISTS FOR (n:Move) ON (n.valid_from);

// name: counter_prefix
CREATE CONSTRAINT counter_prefix IF NOT EXISTS FOR (n:Counter) REQUIRE n.prefix IS UNIQUE;

// name: fact_code
CREATE INDEX fact_code IF NOT EXISTS FOR (n:Fact) ON (n.code);

// name: fact_kind
CREATE INDEX fact_kind IF NOT EXISTS FOR (n:Fact) ON (n.kind, n.code);

// name: fact_class
CREATE INDEX fact_class IF NOT EXISTS FOR (n:Fact) ON (n.ifc_class, n.code);

// name: fact_grid
CREATE INDEX fact_grid IF NOT EXISTS FOR (n:Fact) ON (n.grid2d);

// name: fact_at
// Degrees; x is moved by 1,000 per size tier (cim/stores/neo4j/places.py).
CREATE POINT INDEX fact_at IF NOT EXISTS FOR (n:Fact) ON (n.at)
OPTIONS {indexConfig: {
  `spatial.cartesian.min`: [-1000.0, -1000.0], `spatial.cartesian.max`: [7000.0, 1000.0]}};

// name: fact_terms
// Terms come cut and folded from cim.terms; the analyzer only splits at blanks.
CREATE FULLTEXT INDEX fact_terms IF NOT EXISTS FOR (n:Fact) ON EACH [n.terms]
OPTIONS {indexConfig: {
  `fulltext.analyzer`: 'whitespace', `fulltext.eventually_consistent`: false}};

// name: pair_VERB
// Once for each of cim.model.Verb; pair is "source target".
CREATE INDEX pair_VERB IF NOT EXISTS FOR ()-[r:VERB]-() ON (r.pair);

// name: alias_value
CREATE INDEX alias_value IF NOT EXISTS FOR (n:Alias) ON (n.stem, n.place);

// name: alias_code
CREATE INDEX alias_code IF NOT EXISTS FOR (n:Alias) ON (n.code);

// name: tile_root
CREATE INDEX tile_root IF NOT EXISTS FOR (n:Tile) ON (n.root);

// name: serials_owner
CREATE INDEX serials_owner IF NOT EXISTS FOR (n:Serials) ON (n.prefix, n.owner);

// name: change_g
CREATE INDEX change_g IF NOT EXISTS FOR (n:Change) ON (n.g);

/** The wire's values (ARCHITECTURE §9). Degrees are CGCS2000 (EPSG:4490), lengths metres. */
export interface City {
  name: { zh: string; en: string };
  home: { lon: number; lat: number; height_m: number };
  bounds: [number, number, number, number];
  ground: string | null;
  tiles: string;
  demo: boolean;
  mqtt: string | null;
}

export interface Brief {
  code: string;
  kind: string;
  name: string;
}

export type Value = number | string | boolean | null;

export interface SensorRow {
  code: string;
  name?: string;
  of?: string;
  property: string;
  value: Value;
  unit: string;
  observed_at: string | null;
  quality: string;
}

export interface Resolved extends Brief {
  lifecycle: string;
  aliases: { scheme: string; value: string; scope?: string }[];
  position: {
    lon: number;
    lat: number;
    height_m: number | null;
    grid2d?: string | null;
    grid3d?: string | null;
    provenance?: string;
  } | null;
  address: string | null;
  parents: Brief[];
  building?: { code: string; name: string } | null;
  storey?: { code: string; name: string } | null;
  children?: Record<string, number>;
  sensors: SensorRow[];
  model: { id: string; version: string | number | null; ifc_guid: string | null } | null;
  replaced_by?: string[];
}

export interface CityObject extends Brief {
  lon?: number | null;
  lat?: number | null;
  height_m?: number | null;
  lifecycle?: string;
  bbox?: [west: number, south: number, east: number, north: number] | null;
  properties?: Record<string, unknown>;
}

export interface StateRow {
  code: string;
  property: string;
  value: Value;
  unit: string;
  observed_at: string;
  quality: string;
  source?: string;
  kind?: string;
  name?: string;
  building?: string;
}

export type StateProperties = Record<string, Omit<StateRow, "code" | "property">>;

export interface Sample {
  observed_at: string;
  value: Value;
  unit?: string;
}

export interface Page<T> {
  items: T[];
  next?: string | null;
}

export interface Upload {
  model: string;
  project: string;
  document: string;
  why: string;
  job?: string;
  sha256: string;
  version?: string | number;
}

export interface Model {
  id: string;
  name: string;
  code?: string | null;
  version?: number | null;
  placement?: {
    provenance?: string;
    lon?: number | null;
    lat?: number | null;
    height_m?: number;
    rotation_deg?: number;
  } | null;
  withdrawn?: boolean;
  /** Checked, but not yet accepted (only where the city asks a person to). */
  held?: Held | null;
}

export interface Held {
  job: string;
  sha256: string;
  filename: string;
  objects: number;
  findings: number;
  held_at: string | null;
  /** Somebody has accepted it: its activation is under way. */
  accepting: boolean;
}

export interface Job {
  id: string;
  kind: string;
  state: "queued" | "running" | "done" | "failed";
  stage: string;
  fraction: number;
  counts?: Record<string, number>;
  eta_s?: number | null;
  result?: Record<string, unknown> | null;
  error?: { title?: string; detail?: string; hint?: string; code?: string } | null;
  findings?: Finding[];
}

export interface Finding {
  id?: string;
  code: string;
  severity: "error" | "warning" | "info";
  facts?: Record<string, unknown>;
  text?: string | Record<string, string>;
  hint?: string | Record<string, string>;
  guid?: string | null;
  element?: string | null;
  step_id?: number | null;
  /** Since the version it was compared with. */
  change?: "new" | "still" | "fixed";
}

/** What happened to a code at one generation, by whom and why. */
export interface Change {
  generation: number;
  at: string | null;
  change:
    | "created"
    | "changed"
    | "ended"
    | "restored"
    | "replaced_others"
    | "linked"
    | "unlinked"
    | "relinked";
  fields: Record<string, { before: unknown; after: unknown }>;
  cause: { event?: string; action?: string; who?: string; why?: string; version?: unknown };
}

export interface Words {
  zh: string;
  en: string;
}

/** One way of reading a text that leads to nothing; positions count from 1. */
export interface Recognition {
  scheme: string;
  name: Words;
  canonical: string;
  valid: boolean;
  check: string;
  problems: WrongPlace[];
  segments: { name: string; text: string; position: number; label: Words; meaning?: Words }[];
  also?: { scheme: string; value: string }[];
  note?: Words;
}

/** Why a text is no code of a scheme; without a position no single place is wrong. */
export interface WrongPlace extends Words {
  code: string;
  position: number | null;
  expected: string;
  found: string;
}

/** What was linked or unlinked. */
export interface LinkDone {
  code: string;
  scheme: string;
  value: string;
  scope: string;
  generation: number;
}

/** A row of a list that was not linked; positions count from 1. */
export interface RefusedRow extends WrongPlace {
  row: number;
  column: string;
  value: string;
  scheme: string;
}

/** What came of a list of foreign codes. */
export interface ListReport {
  counts: { rows: number; right: number; already: number; refused: number; linked: number };
  generation: number | null;
  refused: RefusedRow[];
}

import { answer, getJson, postJson, problemOf, send } from "./http";
import { asOf, atMoment } from "./moment";
import { type Follow, follow } from "./sse";
import type {
  Brief,
  Change,
  City,
  CityObject,
  Job,
  Model,
  Page,
  Resolved,
  Sample,
  StateProperties,
  StateRow,
} from "./wire";

const STATE_PAGE = 1_000; // the API's own upper limit of one page
const CHANGES_PAGE = 20;
const STATE_PAGES_MAX = 20;

export const city = () => getJson<City>("/city");

/** Resolves a code or alias: one meaning or several (HTTP 300); none is a Problem that says why. */
export async function resolve(text: string, signal?: AbortSignal): Promise<Resolved | Brief[]> {
  const path = atMoment(`/codes/${encodeURIComponent(text)}`);
  const response = await send(path, signal ? { signal } : {});
  if (response.status === 300) return meanings(await response.json());
  return answer<Resolved>(response);
}

/** Resolves a code that is known to exist; anything else is a Problem. */
export async function resolved(code: string, signal?: AbortSignal): Promise<Resolved> {
  return getJson<Resolved>(atMoment(`/codes/${encodeURIComponent(code)}`), signal);
}

function meanings(body: unknown): Brief[] {
  if (Array.isArray(body)) return body as Brief[];
  const held = body as { items?: Brief[]; meanings?: Brief[] };
  return held.items ?? held.meanings ?? [];
}

export async function suggest(text: string, limit: number, signal: AbortSignal): Promise<Brief[]> {
  const query = new URLSearchParams({ q: text, limit: String(limit) });
  return (await getJson<Page<Brief>>(atMoment(`/codes?${query}`), signal)).items;
}

export const object = (code: string, signal?: AbortSignal) =>
  getJson<CityObject>(atMoment(`/objects/${encodeURIComponent(code)}`), signal);

export async function objects(kinds: string[], limit: number): Promise<CityObject[]> {
  const query = new URLSearchParams({ kind: kinds.join(","), limit: String(limit) });
  return (await getJson<Page<CityObject>>(atMoment(`/objects?${query}`))).items;
}

export async function children(code: string, kind: string, limit: number): Promise<CityObject[]> {
  const query = new URLSearchParams({ kind, limit: String(limit) });
  const path = `/objects/${encodeURIComponent(code)}/children?${query}`;
  return (await getJson<Page<CityObject>>(atMoment(path))).items;
}

export async function stateOf(code: string, signal?: AbortSignal): Promise<StateProperties> {
  const path = atMoment(`/objects/${encodeURIComponent(code)}/state`);
  return (await getJson<{ properties: StateProperties }>(path, signal)).properties;
}

/** Reads samples of one property from an instant up to the moment, oldest first. */
export async function history(
  code: string,
  property: string,
  from: Date,
  signal?: AbortSignal,
): Promise<Sample[]> {
  const at = asOf();
  const query = new URLSearchParams({
    property,
    from: from.toISOString(),
    limit: "1000",
    ...(at ? { to: at } : {}),
  });
  const path = `/objects/${encodeURIComponent(code)}/history?${query}`;
  return (await getJson<Page<Sample>>(path, signal)).items;
}

/** Reads all state rows of the given properties (all properties when empty), bounded. */
export async function queryState(
  properties: string[],
  pages_max = STATE_PAGES_MAX,
): Promise<StateRow[]> {
  const rows: StateRow[] = [];
  const path = atMoment("/state/query"); // one moment for all pages, also while it moves
  let cursor: string | null | undefined;
  for (let page = 0; page < pages_max; page++) {
    const body = {
      ...(properties.length ? { properties } : {}),
      limit: STATE_PAGE,
      ...(cursor ? { cursor } : {}),
    };
    const found = await postJson<Page<StateRow>>(path, body);
    rows.push(...found.items);
    cursor = found.next;
    if (!cursor) break;
  }
  return rows;
}

/** Reads what happened to a code, newest first; `cursor` is the page before's `next`. */
export function changes(
  code: string,
  cursor: string | null,
  signal?: AbortSignal,
): Promise<Page<Change>> {
  const query = new URLSearchParams({ limit: String(CHANGES_PAGE), ...(cursor ? { cursor } : {}) });
  return getJson<Page<Change>>(`/objects/${encodeURIComponent(code)}/changes?${query}`, signal);
}

/** The QR of a code's resolver, as an image a page may show. */
export const qr = (code: string) => blob(`/objects/${encodeURIComponent(code)}/qr?format=svg`);

/** A file of the API, as it is. */
export async function blob(path: string): Promise<Blob> {
  const response = await send(path);
  if (!response.ok) throw problemOf(response.status, await response.text());
  return response.blob();
}

export const job = (id: string) => getJson<Job>(`/jobs/${encodeURIComponent(id)}`);

export const jobEvents = (id: string, options: Follow) =>
  follow(`/jobs/${encodeURIComponent(id)}/events`, options);

export const model = (id: string) => getJson<Model>(`/models/${encodeURIComponent(id)}`);

export async function models(limit: number): Promise<Model[]> {
  return (await getJson<Page<Model>>(`/models?limit=${limit}`)).items;
}

export interface Placement {
  lon: number;
  lat: number;
  height_m: number;
  rotation_deg: number;
}

export const place = (id: string, placement: Placement) =>
  postJson<Record<string, unknown>>(`/models/${encodeURIComponent(id)}/placement`, placement);

export const withdraw = (id: string) =>
  postJson<Record<string, unknown>>(`/models/${encodeURIComponent(id)}/withdraw`, {});

/** The tileset of the city at a moment (RFC 3339), as it was sent; null: of now. */
export async function tileset(path: string, at: string | null): Promise<string> {
  const response = await send(atMoment(path, at));
  const body = await response.text();
  if (!response.ok) throw problemOf(response.status, body);
  return body;
}

/** History to be told again: from a moment (RFC 3339), so many times faster. */
export interface Replay {
  from: string;
  speed: number;
}

/** Follows the city's changes, or what they were; empty filters mean everything. */
export function stream(
  filters: Record<string, string[]>,
  options: Follow,
  replay: Replay | null = null,
): Promise<void> {
  const query = new URLSearchParams(
    replay ? { from: replay.from, speed: String(replay.speed) } : {},
  );
  for (const [name, values] of Object.entries(filters)) {
    if (values.length) query.set(name, values.join(","));
  }
  const text = query.toString();
  return follow(`/stream${text ? `?${text}` : ""}`, options);
}

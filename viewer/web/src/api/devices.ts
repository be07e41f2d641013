import { blob } from "./client";
import { answer, getJson, postJson, remove, send } from "./http";
import type { Page, Value } from "./wire";

export interface Reading {
  value: Value;
  unit: string;
  observed_at: string;
  quality: string;
  reasons: string[];
  age_s: number;
}

export interface Candidate {
  code: string;
  kind: string;
  name: string;
  distance_m: number;
  confidence: number;
}

export interface Device {
  device: string;
  tenant: string;
  sensor: string;
  code: string | null;
  name: string;
  status: string;
  property: string | null;
  candidates: Candidate[];
  source: string; // who bound it: "person", or "ifc", a model in which it stands
  element_guid: string | null; // there
  last: Record<string, Reading>;
  skew_s: number | null;
}

export interface Kept {
  id: number;
  reason: string;
  device: string;
  tenant: string;
  topic: string;
  payload: string;
  received_at: string;
  count: number;
  kept: number;
  text: { zh: string; en: string };
}

export interface TableReport {
  dry_run: boolean;
  rows: number;
  bound: number;
  proposed: number;
  adopted: number;
  errors_count: number;
  errors: { row: number; column: string; code: string; message: string }[];
}

export interface Tried {
  device: string;
  property: string;
  value: Value;
  observed_at: string | number | null;
  unit: string | null;
  reading: { code: string; value: Value; unit: string; quality: string } | null;
  refused: { code: string; message: string; hint: string } | null;
}

export interface Mappings {
  items: { filter: string; mapping: unknown }[];
  built_in: { filter: string; codec: string }[];
}

const PAGE = "50";

export function devices(
  wanted: { q?: string; status?: string; cursor?: string | null },
  signal?: AbortSignal,
): Promise<Page<Device>> {
  const query = new URLSearchParams({ limit: PAGE });
  for (const [name, value] of Object.entries(wanted)) if (value) query.set(name, value);
  return getJson<Page<Device>>(`/devices?${query}`, signal);
}

export const bind = (said: Record<string, unknown>) =>
  postJson<Device & { adopted: number }>("/devices", said);

export const confirm = (device: Device, code: string) =>
  postJson<Device & { adopted: number }>("/devices/confirm", { ...named(device), code });

export const undo = (device: Device) =>
  postJson<Device & { adopted: number }>("/devices/undo", named(device));

export const unbind = (device: Device) => remove(`/devices?${new URLSearchParams(named(device))}`);

export const quarantine = (cursor?: string | null) => {
  const query = new URLSearchParams({ limit: PAGE, ...(cursor ? { cursor } : {}) });
  return getJson<Page<Kept>>(`/devices/quarantine?${query}`);
};

export const adopt = (row: Kept) =>
  postJson<{ adopted: number }>("/devices/quarantine/adopt", named(row));

export const discard = (id: number) => remove(`/devices/quarantine?id=${id}`);

export const mappings = () => getJson<Mappings>("/devices/mappings");

export const tryMapping = (topic: string, payload: string, mapping: unknown) =>
  postJson<Tried[]>("/devices/mappings/try", { topic, payload, mapping });

export const keepMapping = (filter: string, mapping: unknown) =>
  postJson<{ adopted: number }>("/devices/mappings", { filter, mapping }, "PUT");

export const removeMapping = (filter: string) =>
  remove(`/devices/mappings?${new URLSearchParams({ filter })}`);

/** The whole register as a CSV file. */
export const table = () => blob("/devices/table");

export async function takeTable(file: File, dryRun: boolean): Promise<TableReport> {
  const path = `/devices/table?dry_run=${dryRun}`;
  const headers = { "Content-Type": "text/csv" };
  return answer<TableReport>(await send(path, { method: "POST", headers, body: file }));
}

const named = (row: { device: string; tenant: string }) => ({
  device: row.device,
  tenant: row.tenant,
});

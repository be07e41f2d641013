/** A firm's deliveries: handing a file over, what was found, the history, and the decision. */
import { blob } from "./client";
import { getJson, postJson } from "./http";
import type { Finding, Job, Page, Upload } from "./wire";

export type Severity = "error" | "warning" | "info";

/** One delivered version of a document; `changes` against the one before. */
export interface Delivery {
  version: number;
  filename: string | null;
  sha256: string;
  schema: string | null;
  delivered_at: string;
  counts: Record<string, number>;
  findings: Record<Severity, number>;
  changes: { new: number; still: number; fixed: number } | null;
}

/** Of which version the findings are asked (`held`: of the one that waits); `against`: since which. */
export type Asked = { version?: number; held?: boolean; against?: number };

const of = (model: string) => `/models/${encodeURIComponent(model)}`;

export const handOver = (upload: string, fields: { project: string; document: string }) => {
  const said = Object.entries(fields).filter(([, text]) => text);
  return postJson<Upload>("/models", { upload, ...Object.fromEntries(said) });
};

export async function findings(model: string, asked: Asked = {}): Promise<Finding[]> {
  return (await getJson<Page<Finding>>(`${of(model)}/findings${query(asked)}`)).items;
}

/** What was found, for the firm's own tool (BCF), or to print. */
export const file = (model: string, kind: "report" | "3.0" | "2.1", asked: Asked = {}) => {
  const { version, held } = asked;
  if (kind === "report") return blob(`${of(model)}/report${query({ version, held })}`);
  return blob(`${of(model)}/findings.bcf${query({ version, held, bcf: kind })}`);
};

/** The delivered versions, newest first; `cursor` is the page before's `next`. */
export const deliveries = (model: string, cursor: string | null = null) =>
  getJson<Page<Delivery>>(`${of(model)}/deliveries${query({ cursor: cursor ?? undefined })}`);

/** Decides on what is held and was looked at (`sha256`); a newer upload in its place is refused. */
export const accept = (model: string, sha256: string) =>
  postJson<{ job: string }>(`${of(model)}/accept?sha256=${sha256}`, {});

export const reject = (model: string, sha256: string) =>
  postJson<Record<string, unknown>>(`${of(model)}/reject?sha256=${sha256}`, {});

export const cancel = (job: string) => postJson<Job>(`/jobs/${encodeURIComponent(job)}/cancel`, {});

/** The documents of which something waits to be accepted, as far as the newest jobs know. */
export async function waiting(): Promise<string[]> {
  const jobs = (await getJson<Page<Job>>("/jobs?limit=200")).items;
  const held = jobs.filter(({ result }) => result?.held === "waiting");
  return [...new Set(held.map(({ result }) => String(result?.model)))];
}

function query(fields: Record<string, string | number | boolean | undefined>): string {
  const said = Object.entries(fields).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
  return text ? `?${text}` : "";
}

/** A firm's deliveries: handing a file over, what was found, the history, and the decision. */
import { blob } from "./client";
import { getJson, postJson } from "./http";
import type { Finding, Page, Upload } from "./wire";

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

/** Of which version the findings are asked; `against`: compared with an earlier one. */
export type Asked = { version?: number; against?: number };

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
  const { version } = asked;
  if (kind === "report") return blob(`${of(model)}/report${query({ version })}`);
  return blob(`${of(model)}/findings.bcf${query({ version, bcf: kind })}`);
};

/** The delivered versions, newest first; `cursor` is the page before's `next`. */
export const deliveries = (model: string, cursor: string | null = null) =>
  getJson<Page<Delivery>>(`${of(model)}/deliveries${query({ cursor: cursor ?? undefined })}`);

function query(fields: Record<string, string | number | undefined>): string {
  const said = Object.entries(fields).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
  return text ? `?${text}` : "";
}

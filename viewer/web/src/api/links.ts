import { answer, postJson, send } from "./http";
import type { Job, LinkDone, ListReport } from "./wire";

const LIST = /\.(csv|ndjson|jsonl)$/i;

/** Whether a file is a list of foreign codes, by its name. */
export function isList(name: string): boolean {
  return LIST.test(name);
}

export interface ListOptions {
  dryRun: boolean;
  strict: boolean;
  why: string;
}

/** Sends a list of foreign codes: its report, or the job of a long one. */
export async function sendList(file: File, options: ListOptions): Promise<ListReport | Job> {
  const query = new URLSearchParams({
    dry_run: String(options.dryRun),
    strict: String(options.strict),
    why: options.why,
  });
  const media = /\.csv$/i.test(file.name) ? "text/csv" : "application/x-ndjson";
  const response = await send(`/codes/import?${query}`, {
    method: "POST",
    headers: { "Content-Type": media },
    body: file,
  });
  if (response.status !== 202) return answer<ListReport>(response);
  const { job } = (await response.json()) as { job: string };
  return { id: job, kind: "codes", state: "queued", stage: "", fraction: 0 };
}

/** Ends all that the list of a generation linked. */
export const undoList = (generation: number, why: string) =>
  postJson<{ count: number }>("/codes/import/undo", { generation, why });

/** Links one foreign code; without a scheme it is read by its form. */
export const link = (code: string, said: { value: string; scheme: string; why: string }) =>
  postJson<LinkDone>(`/objects/${encodeURIComponent(code)}/aliases`, said);

/** Ends one foreign code of a thing. */
export const unlink = (
  code: string,
  said: { value: string; scheme: string; scope: string; why: string },
) => postJson<LinkDone>(`/objects/${encodeURIComponent(code)}/aliases/remove`, said);

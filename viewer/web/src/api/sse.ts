import { problemOf, send } from "./http";

/** One frame of an event stream. `data` is the parsed JSON. */
export interface Frame {
  event: string;
  id: string;
  data: unknown;
}

export type Connection = "connecting" | "open" | "lost";

export interface Follow {
  onFrame: (frame: Frame) => void;
  onConnection?: (state: Connection) => void;
  /** Returning true ends the following (a job is done). */
  done?: () => boolean;
  signal: AbortSignal;
}

const RETRY_MS_FIRST = 1_000;
const RETRY_MS_MAX = 15_000;
const LOST_FOR_GOOD = new Set([400, 403, 404, 422]);

/**
 * Follows an event stream over fetch (EventSource cannot send a bearer token), resuming with
 * Last-Event-ID after a break. Ends on abort, on `done`, and on a refusal that will not change.
 */
export async function follow(path: string, options: Follow): Promise<void> {
  let lastId = "";
  let wait = RETRY_MS_FIRST;
  while (!options.signal.aborted && !options.done?.()) {
    options.onConnection?.("connecting");
    try {
      const response = await open(path, lastId, options.signal);
      options.onConnection?.("open");
      wait = RETRY_MS_FIRST;
      for await (const frame of frames(response)) {
        if (frame.id) lastId = frame.id;
        options.onFrame(frame);
        if (options.done?.()) return;
      }
    } catch (error) {
      if (options.signal.aborted) return;
      const status = (error as { status?: number }).status ?? 0;
      if (LOST_FOR_GOOD.has(status)) throw error;
    }
    if (options.signal.aborted || options.done?.()) return;
    options.onConnection?.("lost");
    await pause(wait, options.signal);
    wait = Math.min(wait * 2, RETRY_MS_MAX);
  }
}

async function open(path: string, lastId: string, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: "text/event-stream" };
  if (lastId) headers["Last-Event-ID"] = lastId;
  const response = await send(path, { headers, signal, cache: "no-store" });
  if (!response.ok) throw problemOf(response.status, await response.text());
  return response;
}

async function* frames(response: Response): AsyncGenerator<Frame> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const frame = parse(block);
        if (frame) yield frame;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined); // already closed by the abort
  }
}

function parse(block: string): Frame | null {
  let event = "message";
  let id = "";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at <= 0) continue; // a comment keeps the connection alive
    const value = line.slice(at + 1).replace(/^ /, "");
    const field = line.slice(0, at);
    if (field === "event") event = value;
    else if (field === "id") id = value;
    else if (field === "data") data.push(value);
  }
  if (data.length === 0) return null;
  try {
    return { event, id, data: JSON.parse(data.join("\n")) };
  } catch {
    return { event, id, data: data.join("\n") };
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

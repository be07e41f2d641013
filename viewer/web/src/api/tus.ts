/** Sending large files over bad connections: tus 1.0, in pieces, from where the server stands. */
import { Problem, problemOf, send } from "./http";

const TUS = { "Tus-Resumable": "1.0.0" };
const KEY = "twin.upload.";
const PIECE_BYTES_MIN = 256 * 1024;
const PIECE_BYTES_MAX = 8 * 1024 * 1024;
const QUICK_MS = 1_000; // a piece that took less: the next is twice as large
const SLOW_MS = 4_000;
const TRIES_MAX = 8; // without a byte in between
const WAIT_MS_MAX = 15_000;
const GONE = [403, 404, 410];
const PASSING = [0, 409, 423, 425, 429, 500, 502, 503, 504]; // asked again: where do we stand?

/** An upload that began and has not been handed over, as this browser remembers it. */
export interface Unfinished {
  path: string;
  name: string;
  size: number;
  modified: number;
  project: string;
  document: string;
}

/** What a sender is told: so many bytes are durable; or the connection is waited for. */
export interface Sending {
  sent: (bytes: number) => void;
  waiting: () => void;
  signal: AbortSignal;
}

/** Sends a file, or what is missing of it; returns the upload's id to hand over. */
export async function sendFile(
  file: File,
  told: Pick<Unfinished, "project" | "document">,
  on: Sending,
): Promise<Unfinished> {
  const known = remembered(file);
  const offset = known ? await standing(known) : null;
  const upload = known && offset !== null ? { ...known, ...given(told) } : await begin(file, told);
  remember(upload);
  await append(file, upload.path, offset ?? 0, on);
  return upload;
}

export const idOf = (upload: Unfinished): string => upload.path.split("/").at(-1) ?? "";

/** The uploads that this browser began and did not hand over. */
export function unfinished(): Unfinished[] {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(KEY));
  return keys.flatMap((key) => read(key) ?? []);
}

/** How many bytes of an upload are durable; null where the server does not know it any more. */
export async function standing(upload: Unfinished): Promise<number | null> {
  const response = await send(upload.path, { method: "HEAD", headers: TUS });
  if (response.ok) return Number(response.headers.get("Upload-Offset"));
  if (!GONE.includes(response.status)) throw problemOf(response.status, "");
  forget(upload);
  return null;
}

/** Gives an upload up, here and at the server. */
export async function giveUp(upload: Unfinished): Promise<void> {
  forget(upload);
  await send(upload.path, { method: "DELETE", headers: TUS });
}

export function forget(upload: Unfinished): void {
  localStorage.removeItem(keyOf(upload.name, upload.size, upload.modified));
}

async function begin(
  file: File,
  told: Pick<Unfinished, "project" | "document">,
): Promise<Unfinished> {
  const response = await send("/uploads", {
    method: "POST",
    headers: {
      ...TUS,
      "Upload-Length": String(file.size),
      "Upload-Metadata": `filename ${base64(file.name)}`,
    },
  });
  if (!response.ok) throw problemOf(response.status, await response.text());
  const path = new URL(response.headers.get("Location") ?? "", document.baseURI).pathname;
  return { path, name: file.name, size: file.size, modified: file.lastModified, ...told };
}

async function append(file: File, path: string, from: number, on: Sending): Promise<void> {
  let offset = from;
  let piece = PIECE_BYTES_MIN;
  let tries = 0;
  on.sent(offset);
  while (offset < file.size) {
    const begun = performance.now();
    const next = await sendPiece(file.slice(offset, offset + piece), path, offset, on.signal);
    if (next === null) {
      tries += 1;
      if (tries > TRIES_MAX) throw new Problem(0, "unreachable", "unreachable", "", "");
      on.waiting();
      await pause(Math.min(500 * 2 ** tries, WAIT_MS_MAX), on.signal);
    } else tries = next > offset ? 0 : tries;
    offset = next ?? (await offsetOf(path, on.signal)) ?? offset;
    const took = performance.now() - begun;
    if (took < QUICK_MS) piece = Math.min(piece * 2, PIECE_BYTES_MAX);
    if (took > SLOW_MS) piece = Math.max(piece / 2, PIECE_BYTES_MIN);
    on.sent(offset);
  }
}

/** Sends one piece; returns where the server stands then, null where it has to be asked. */
async function sendPiece(
  piece: Blob,
  path: string,
  offset: number,
  signal: AbortSignal,
): Promise<number | null> {
  const headers = {
    ...TUS,
    "Upload-Offset": String(offset),
    "Content-Type": "application/offset+octet-stream",
  };
  const response = await passing(send(path, { method: "PATCH", headers, body: piece, signal }));
  return response && Number(response.headers.get("Upload-Offset"));
}

async function offsetOf(path: string, signal: AbortSignal): Promise<number | null> {
  const response = await passing(send(path, { method: "HEAD", headers: TUS, signal }));
  return response && Number(response.headers.get("Upload-Offset"));
}

/** The answer; null for what may be over in a moment; everything else is thrown. */
async function passing(asked: Promise<Response>): Promise<Response | null> {
  try {
    const response = await asked;
    if (response.ok) return response;
    if (PASSING.includes(response.status)) return null;
    throw problemOf(response.status, await response.text());
  } catch (error) {
    if (error instanceof Problem && PASSING.includes(error.status)) return null;
    throw error;
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("given up", "AbortError"));
    });
  });
}

/** What the person said now, where it was said; else what was said when it began. */
function given(told: Pick<Unfinished, "project" | "document">): Partial<Unfinished> {
  return Object.fromEntries(Object.entries(told).filter(([, said]) => said));
}

/** What this browser began to send of a file, if it did. */
export function remembered(file: File): Unfinished | null {
  return read(keyOf(file.name, file.size, file.lastModified));
}

function remember(upload: Unfinished): void {
  const key = keyOf(upload.name, upload.size, upload.modified);
  localStorage.setItem(key, JSON.stringify(upload));
}

function read(key: string): Unfinished | null {
  const text = localStorage.getItem(key);
  return text ? (JSON.parse(text) as Unfinished) : null;
}

/** A file is known again by its name, its size and when it was changed. */
const keyOf = (name: string, size: number, modified: number) => `${KEY}${name}|${size}|${modified}`;

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

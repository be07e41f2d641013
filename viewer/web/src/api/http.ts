import { headers, renewToken } from "./session";

/** A refusal of the API (RFC 9457): what happened, and what to check. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly hint: string,
    readonly facts: Record<string, unknown> = {},
  ) {
    super(detail || title || code);
    this.name = "Problem";
  }
}

export const UNREACHABLE = "unreachable";

/** Sends a request with language and token; 401 asks for a token and tries once more. */
export async function send(path: string, init: RequestInit = {}, again = true): Promise<Response> {
  const own = (init.headers ?? {}) as Record<string, string>;
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: headers(own) });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, UNREACHABLE, UNREACHABLE, "", "");
  }
  if (response.status === 401 && again && (await renewToken())) return send(path, init, false);
  return response;
}

/** Reads JSON; any status but 2xx is thrown as a Problem. */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return answer<T>(await send(path, signal ? { signal } : {}));
}

export async function postJson<T>(path: string, body: unknown, method = "POST"): Promise<T> {
  const init = {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  return answer<T>(await send(path, init));
}

/** Sends a DELETE; any status but 2xx is thrown as a Problem. */
export async function remove(path: string): Promise<void> {
  const response = await send(path, { method: "DELETE" });
  if (!response.ok) throw problemOf(response.status, await response.text());
}

export async function answer<T>(response: Response): Promise<T> {
  if (!response.ok) throw problemOf(response.status, await response.text());
  return (await response.json()) as T;
}

export function problemOf(status: number, text: string): Problem {
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(text) as Record<string, unknown>;
  } catch {
    body = { title: text.slice(0, 200) }; // not ours: a proxy in between answered
  }
  const word = (key: string) => (typeof body[key] === "string" ? (body[key] as string) : "");
  return new Problem(
    status,
    word("code") || `http_${status}`,
    word("title"),
    word("detail"),
    word("hint"),
    (body.facts ?? {}) as Record<string, unknown>,
  );
}

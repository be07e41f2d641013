/** Who asks, and in which language: sent with every request. */
export type Language = "zh" | "en";

const TOKEN_KEY = "twin.token";

type AskToken = () => Promise<string | null>;

let language: Language = "zh";
let askToken: AskToken = async () => null;
let asking: Promise<string | null> | null = null;

export function setLanguage(chosen: Language): void {
  language = chosen;
}

/** Registers the dialog that asks for a bearer token when the API answers 401. */
export function setAskToken(ask: AskToken): void {
  askToken = ask;
}

/** Asks once, however many requests were refused at the same time. */
export async function renewToken(): Promise<boolean> {
  asking ??= askToken().finally(() => {
    asking = null;
  });
  const token = await asking;
  if (token) sessionStorage.setItem(TOKEN_KEY, token);
  return Boolean(token);
}

export function headers(extra: Record<string, string> = {}): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return {
    "Accept-Language": language === "zh" ? "zh-CN" : "en",
    ...(token ? { Authorization: `Bearer ${token}` } : {}),
    ...extra,
  };
}

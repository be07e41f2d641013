import { Problem, UNREACHABLE } from "../api/http";
import { text } from "../city/texts";
import { button, el } from "./dom";

const SHOWN_MS = 12_000;
const KEPT_MAX = 4;
const stack = el("div", { class: "toasts", attrs: { role: "status", "aria-live": "polite" } });

export function mountToasts(root: HTMLElement): void {
  root.append(stack);
}

/** Shows what went wrong: title, detail and what to check, as the API says it. */
export function complain(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const { title, detail, hint } = explained(error);
  show("problem", title, [detail, hint]);
}

export function tell(message: string): void {
  show("notice", message, []);
}

export function explained(error: unknown): { title: string; detail: string; hint: string } {
  if (!(error instanceof Problem))
    return { title: text("failed"), detail: String(error), hint: "" };
  if (error.code === UNREACHABLE) {
    return { title: text("unreachable"), detail: "", hint: text("unreachableHint") };
  }
  const detail = error.detail === error.title ? "" : error.detail;
  return { title: error.title || `${text("failed")} (${error.status})`, detail, hint: error.hint };
}

function show(kind: string, title: string, lines: string[]): void {
  const close = button({ class: "icon", text: "×", title: () => text("close") });
  const body = lines.filter(Boolean).map((line) => el("p", { text: line }));
  const toast = el(
    "div",
    { class: `toast ${kind}`, testid: kind },
    el("div", {}, el("strong", { text: title }), ...body),
    close,
  );
  close.addEventListener("click", () => toast.remove());
  setTimeout(() => toast.remove(), SHOWN_MS);
  stack.append(toast);
  while (stack.children.length > KEPT_MAX) stack.firstElementChild?.remove();
}

import * as client from "../api/client";
import type { Change } from "../api/wire";
import { deed, text, word } from "../city/texts";
import { shown } from "./card-sets";
import { button, el } from "./dom";
import { complain } from "./toast";

const FIELDS_SHOWN = 6;
const VALUE_CHARS_MAX = 60;
const SPOKEN_FIELDS = new Set(["kind", "lifecycle"]); // their values are words of ours, not the city's

/** What happened to the thing, newest first; read when it is opened, page by page. */
export function cardHistory(code: string, signal: AbortSignal): HTMLElement {
  const list = el("ol", { class: "history" });
  const folded = el(
    "details",
    { testid: "history" },
    el("summary", { text: () => text("history") }),
    list,
  );
  const begin = () => void load(code, list, null, signal).catch(complain);
  folded.addEventListener("toggle", begin, { once: true });
  return folded;
}

async function load(
  code: string,
  list: HTMLElement,
  cursor: string | null,
  signal: AbortSignal,
): Promise<void> {
  const page = await client.changes(code, cursor, signal);
  list.append(...page.items.map(row));
  if (list.childElementCount === 0) list.append(el("li", { text: () => text("historyNone") }));
  const { next } = page;
  if (!next) return;
  const more = button({
    class: "small",
    text: () => text("more"),
    testid: "history-more",
    on: {
      click: () => {
        more.remove();
        void load(code, list, next, signal).catch(complain);
      },
    },
  });
  list.after(more);
}

function row(change: Change): HTMLElement {
  const { cause } = change;
  const what = cause.action ?? cause.event;
  const doc = typeof cause.version === "number" ? `v${cause.version}` : "";
  const by = [what ? deed(what) : "", doc, cause.who ?? ""].filter(Boolean).join(" · ");
  const names = Object.entries(change.fields);
  const rest = names.length - FIELDS_SHOWN;
  return el(
    "li",
    { testid: "history-row", attrs: { "data-change": change.change } },
    el(
      "div",
      { class: "row wrap" },
      el("span", { class: "tag", text: word(change.change) }),
      el("time", { class: "muted", text: when(change), title: change.at ?? "" }),
    ),
    by ? el("p", { class: "muted", text: by }) : null,
    cause.why ? el("p", { text: cause.why }) : null,
    ...names
      .slice(0, FIELDS_SHOWN)
      .map(([name, { before, after }]) =>
        el(
          "p",
          { class: "muted" },
          `${word(name.replace(/^properties\./, ""))}: `,
          el("del", { text: short(name, before) }),
          " → ",
          el("ins", { text: short(name, after) }),
        ),
      ),
    rest > 0 ? el("p", { class: "muted", text: text("historyRest", { n: rest }) }) : null,
  );
}

function when({ at, generation }: Change): string {
  const time = at ? new Date(at).toLocaleString(document.documentElement.lang) : "";
  return [time, text("generation", { n: generation })].filter(Boolean).join(" · ");
}

function short(field: string, value: unknown): string {
  const told = SPOKEN_FIELDS.has(field) ? word(shown(value)) : shown(value);
  return told.length > VALUE_CHARS_MAX ? `${told.slice(0, VALUE_CHARS_MAX)}…` : told;
}

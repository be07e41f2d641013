import * as client from "../api/client";
import type { Problem } from "../api/http";
import type { Brief } from "../api/wire";
import { text, word } from "../city/texts";
import type { App } from "./app";
import { el, replace } from "./dom";
import { isRefusal, type Recognised } from "./recognised";
import { complain } from "./toast";

const WAIT_MS = 180;
const SUGGESTIONS_MAX = 12;
const SEARCHED_CHARS_MAX = 200; // the API's own limit of a search; longer texts are only resolved

/** One box for any text: exact meanings first, else suggestions, else what the text is. */
export function mountSearch(app: App, recognised: Recognised): HTMLElement {
  const list = el("ul", { class: "suggestions", attrs: { role: "listbox" } });
  const input = el("input", {
    testid: "search",
    placeholder: () => text("searchHint"),
    attrs: {
      type: "search",
      autocomplete: "off",
      spellcheck: "false",
      "aria-autocomplete": "list",
    },
  });
  const box = new SearchBox(app, recognised, input, list);
  input.addEventListener("input", () => box.typed());
  input.addEventListener("keydown", (event) => box.key(event));
  input.addEventListener("focus", () => list.classList.add("open"));
  document.addEventListener("pointerdown", (event) => {
    if (!form.contains(event.target as Node)) list.classList.remove("open");
  });
  const form = el("div", { class: "search", attrs: { role: "search" } }, input, list);
  return form;
}

const FIRST = ["Building", "Facility", "Storey", "Space", "Element", "Sensor", "Address"];

function rank(kind: string): number {
  const at = FIRST.indexOf(kind);
  return at < 0 ? FIRST.length : at;
}

class SearchBox {
  private timer = 0;
  private asking: AbortController | null = null;
  private active = -1;

  constructor(
    private readonly app: App,
    private readonly recognised: Recognised,
    private readonly input: HTMLInputElement,
    private readonly list: HTMLUListElement,
  ) {}

  typed(): void {
    clearTimeout(this.timer);
    this.asking?.abort();
    if (this.input.value.trim()) {
      this.timer = window.setTimeout(() => void this.suggest(), WAIT_MS);
    } else {
      this.show([]);
    }
  }

  key(event: KeyboardEvent): void {
    const rows = [...this.list.querySelectorAll<HTMLLIElement>("[data-code]")];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.active = (this.active + step + rows.length) % Math.max(rows.length, 1);
      for (const [i, row] of rows.entries()) row.classList.toggle("active", i === this.active);
    } else if (event.key === "Escape") {
      this.list.classList.remove("open");
    } else if (event.key === "Enter") {
      event.preventDefault();
      const row = rows[this.active];
      if (row) this.choose(row.dataset.code ?? "");
      else void this.exact();
    }
  }

  private async suggest(): Promise<void> {
    const items = await this.ask(this.input.value.trim());
    if (items) this.show(items, items.length ? "" : text("searchNoneEnter"));
  }

  /** Enter: a name that fits exactly, else the exact meaning of a code, alias or address. */
  private async exact(): Promise<void> {
    const asked = this.input.value.trim();
    clearTimeout(this.timer);
    if (!asked) return;
    this.recognised.hide();
    const items = (await this.ask(asked)) ?? [];
    const named = items.filter((item) => item.name === asked);
    const only = named.length === 1 ? named[0] : null;
    if (only) return void this.choose(only.code);
    try {
      const found = await client.resolve(asked);
      if (Array.isArray(found)) this.show(found, text("searchSeveral"));
      else this.choose(found.code);
    } catch (error) {
      if (isRefusal(error)) this.unresolved(asked, items, error);
      else complain(error);
    }
  }

  /** No exact meaning: the one thing found by words, else all of them and what the text is. */
  private unresolved(asked: string, items: Brief[], refusal: Problem): void {
    const only = items.length === 1 ? items[0] : null;
    if (only) return void this.choose(only.code);
    this.show(items);
    if (items.length > 0 && !refusal.facts.recognised) return;
    this.app.update({ selected: null });
    this.recognised.show(asked, refusal);
  }

  /** What matches, things that stand in the city first; null when asked again meanwhile. */
  private async ask(asked: string): Promise<Brief[] | null> {
    this.asking?.abort();
    if (asked.length > SEARCHED_CHARS_MAX) return [];
    this.asking = new AbortController();
    const { signal } = this.asking;
    try {
      const items = await client.suggest(asked, SUGGESTIONS_MAX, signal);
      const exact = (item: Brief) => (item.name === asked || item.code === asked ? 0 : 1);
      const sorted = items.sort((a, b) => exact(a) - exact(b) || rank(a.kind) - rank(b.kind));
      return signal.aborted ? null : sorted;
    } catch (error) {
      complain(error);
      return null;
    }
  }

  private choose(code: string): void {
    this.list.classList.remove("open");
    this.input.blur();
    this.app.select(code, true).catch(complain);
  }

  private show(items: Brief[], note = ""): void {
    this.active = -1;
    const rows = items.map((item) => this.row(item));
    replace(this.list, note ? el("li", { class: "note", text: note }) : null, ...rows);
    this.list.classList.toggle("open", rows.length > 0 || note !== "");
  }

  private row(item: Brief): HTMLLIElement {
    return el(
      "li",
      {
        testid: "suggestion",
        attrs: { "data-code": item.code, role: "option" },
        on: { click: () => this.choose(item.code) },
      },
      el("span", { class: "name", text: item.name || item.code }),
      el("span", { class: "tag", text: word(item.kind) }),
      el("code", { text: item.code }),
    );
  }
}

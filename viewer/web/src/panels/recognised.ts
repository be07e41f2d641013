import * as client from "../api/client";
import { Problem } from "../api/http";
import type { Recognition, Words, WrongPlace } from "../api/wire";
import { type Run, runs } from "../city/marking";
import { spoken, text } from "../city/texts";
import { type App, onView } from "./app";
import { button, el, replace } from "./dom";
import { complain } from "./toast";

const EXPECTED_MAX = 6; // characters that still read well above the wrong ones
const REFUSED = new Set(["code_unknown", "identity_number_refused", "text_too_long"]);

/** Whether the resolver refused the text itself: unknown, or not to be asked for. */
export function isRefusal(error: unknown): error is Problem {
  return error instanceof Problem && (REFUSED.has(error.code) || error.status === 422);
}

/** What a text is that leads to nothing: its meaning in every scheme, and where it is wrong. */
export class Recognised {
  readonly node = el("section", { class: "panel card recognised", testid: "recognised" });
  private typed = "";
  private asking = new AbortController();

  constructor(app: App) {
    this.node.hidden = true;
    onView(
      app,
      (view) => view.selected,
      (code) => {
        if (code) this.hide();
      },
    );
    onView(
      app,
      (view) => view.lang,
      () => void this.askAgain().catch(complain),
    );
  }

  hide(): void {
    this.asking.abort();
    this.node.hidden = true;
    this.node.replaceChildren();
    this.typed = "";
  }

  show(typed: string, refusal: Problem): void {
    this.hide();
    this.typed = typed;
    const held = (refusal.facts.recognised ?? []) as Recognition[];
    const close = button({
      class: "icon",
      text: "×",
      title: () => text("close"),
      testid: "recognised-close",
      on: { click: () => this.hide() },
    });
    const title = el("h2", { text: () => text("recognisedTitle") });
    const unknown = refusal.code === "code_unknown";
    const nothing = unknown && held.length === 0;
    replace(
      this.node,
      el("div", { class: "row" }, title, close),
      el("p", { text: refusal.detail }),
      nothing ? el("p", { class: "muted", text: () => text("recognisedNothing") }) : null,
      unknown ? null : el("p", { class: "muted", text: refusal.hint }),
      ...held.map((read, i) => reading(read, typed, asOurs(read, refusal), i === 0)),
    );
    this.node.hidden = false;
    this.node.scrollTop = 0;
  }

  /** The refusal is in one language only: another is asked for. */
  private async askAgain(): Promise<void> {
    if (this.node.hidden) return;
    const { typed } = this;
    await Promise.resolve(); // the language of requests changes after the panels heard of it
    this.asking = new AbortController();
    try {
      await client.resolve(typed, this.asking.signal);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (typed === this.typed) this.show(typed, error);
    }
  }
}

function reading(read: Recognition, typed: string, ours: string, open: boolean): HTMLElement {
  const state = read.valid ? text("valid") : text("invalid");
  const tag = el("span", { class: read.valid ? "tag right" : "tag wrong", text: state });
  const held =
    read.check === "held" ? el("span", { class: "tag plain", text: text("checkHeld") }) : null;
  const also = (read.also ?? []).map(({ scheme, value }) =>
    el(
      "p",
      { class: "muted", text: `${text("sameAs", { scheme })} ` },
      el("code", { text: value }),
    ),
  );
  return el(
    "section",
    { class: "reading", testid: "recognised-scheme", attrs: { "data-scheme": read.scheme } },
    el("div", { class: "row wrap" }, el("strong", { text: said(read.name) }), tag, held),
    el(
      "div",
      { class: "marked mono", testid: "recognised-text" },
      ...runs(read, typed).map(marked),
    ),
    ...read.problems.map(problemLine),
    read.note ? el("p", { class: "muted", text: said(read.note) }) : null,
    ours ? el("p", { class: "muted", text: ours }) : null,
    ...also,
    segments(read, open),
  );
}

/** A run of the text; what is expected stands above what is wrong. */
function marked(run: Run): Node {
  const { problem } = run;
  if (!problem) return document.createTextNode(run.text);
  const mark = el("mark", {
    text: run.text,
    title: said(problem),
    testid: "recognised-wrong",
    attrs: { "data-position": String(problem.position), "data-expected": problem.expected },
  });
  const short = problem.code !== "scheme_length" && problem.expected.length <= EXPECTED_MAX;
  return short && problem.expected
    ? el("ruby", {}, mark, el("rt", { text: problem.expected }))
    : mark;
}

function problemLine(problem: WrongPlace): HTMLElement {
  return el("p", { class: "wrong-line", testid: "recognised-problem", text: said(problem) });
}

function segments(read: Recognition, open: boolean): HTMLElement | null {
  if (read.segments.length === 0) return null;
  const list = el("dl", { class: "facts" });
  for (const { label, text: piece, meaning } of read.segments) {
    const value = el("dd", {}, el("code", { text: piece }));
    if (meaning) value.append(` ${said(meaning)}`);
    list.append(el("dt", { text: said(label) }), value);
  }
  const folded = el("details", {}, el("summary", { text: text("parts") }), list);
  folded.open = open;
  return folded;
}

/** An official code without our check is right; what ours would end in is still told. */
function asOurs(read: Recognition, refusal: Problem): string {
  const { position, expected } = refusal.facts;
  if (read.scheme !== "uic" || !read.valid || position == null || expected == null) return "";
  return text("asOurs", { position: String(position), expected: String(expected) });
}

const said = (words: Words) => words[spoken()];

import * as client from "../api/deliveries";
import type { Finding } from "../api/wire";
import { type Rgb, shortNumber } from "../city/ramp";
import { spoken, text, word } from "../city/texts";
import type { App } from "./app";
import { button, el, replace, save, toggle } from "./dom";
import { complain } from "./toast";

const SHOWN_MAX = 200; // rows; the report has them all
const OPEN_MAX = 3; // groups unfolded at first
const SEVERITIES = ["error", "warning", "info"] as const;
const CHANGES = ["new", "still", "fixed"] as const;
const COLOURS: Record<client.Severity, Rgb> = {
  error: [208, 49, 45],
  warning: [232, 142, 0],
  info: [60, 140, 220],
};

/** Where findings come from: without a model they are those of a refused file. */
export interface Source {
  model: string;
  asked: client.Asked;
}

/** What the checks found: filtered, grouped by rule, coloured on the model; a click flies there. */
export class Findings {
  private readonly chosen = new Set<string>(); // severities and changes; none means all
  private readonly groups = el("div", { class: "findings" });
  private readonly code = el("select", {
    testid: "finding-code",
    on: { change: () => this.list() },
  });
  readonly node: HTMLElement;

  constructor(
    private readonly app: App,
    private readonly found: Finding[],
    source?: Source,
  ) {
    this.node = el(
      "section",
      { class: "findings" },
      el("h3", { text: `${titleOf(source)} · ${found.length}` }),
    );
    const row = source ? downloads(source) : el("div", {});
    if (source && !source.asked.held && found.length) row.append(this.colouring());
    this.node.append(row);
    if (found.length === 0) {
      this.node.append(
        el("p", { class: "muted", testid: "no-findings", text: text("noFindings") }),
      );
      return;
    }
    this.node.append(this.filters(), this.groups);
    this.list();
  }

  /** Takes its colours off the model. */
  dispose(): void {
    this.colour(false);
  }

  private filters(): HTMLElement {
    const severities = SEVERITIES.map((name) => this.chip(name, text(name), "severity"));
    const changes = CHANGES.map((name) => this.chip(name, word(`change.${name}`), "change"));
    const codes = groupBy(this.found, (finding) => finding.code);
    const options = [...codes.keys()].sort().map((code) => {
      const n = codes.get(code)?.length ?? 0;
      return el("option", { text: `${code} (${n})`, attrs: { value: code } });
    });
    this.code.append(el("option", { text: text("everyCode"), attrs: { value: "" } }), ...options);
    const chips = [...severities, ...changes].filter((chip) => chip !== null);
    return el("div", { class: "row wrap" }, ...chips, this.code);
  }

  private chip(name: string, label: string, field: "severity" | "change"): HTMLElement | null {
    const n = this.found.filter((finding) => finding[field] === name).length;
    if (n === 0) return null;
    const made = button({
      class: `chip ${name}`,
      testid: `filter-${name}`,
      text: `${label} ${shortNumber(n)}`,
      attrs: { "aria-pressed": "false" },
      on: {
        click: () => {
          const on = !this.chosen.delete(name);
          if (on) this.chosen.add(name);
          made.setAttribute("aria-pressed", String(on));
          this.list();
        },
      },
    });
    return made;
  }

  private colouring(): HTMLElement {
    const made = toggle(
      () => text("onModel"),
      "findings-colour",
      (on) => this.colour(on),
    );
    made.box.checked = true;
    this.colour(true);
    return made.node;
  }

  /** Each element in the colour of its gravest finding; what is fixed has none. */
  private colour(on: boolean): void {
    const marks = new Map<string, Rgb>();
    for (const severity of [...SEVERITIES].reverse()) {
      for (const finding of on ? this.found : []) {
        const stands = finding.severity === severity && finding.change !== "fixed";
        if (stands && finding.element) marks.set(finding.element, COLOURS[severity]);
      }
    }
    this.app.models.paint.marks = marks;
    this.app.models.repaint();
  }

  private list(): void {
    const shown = this.found.filter((finding) => this.wanted(finding));
    const groups = groupBy(shown, (finding) => `${finding.severity} ${finding.code}`);
    let room = SHOWN_MAX;
    const nodes = [...groups.values()].map((rows, number) => {
      const listed = rows.slice(0, room);
      room -= listed.length;
      return this.group(rows, listed, number < OPEN_MAX);
    });
    const none = el("p", { class: "muted", text: text("noneSuch") });
    replace(this.groups, ...(nodes.length ? nodes : [none]));
  }

  private wanted(finding: Finding): boolean {
    const fits = (names: readonly string[], own: string | undefined) => {
      const asked = names.filter((name) => this.chosen.has(name));
      return asked.length === 0 || asked.includes(own ?? "");
    };
    const { value } = this.code;
    return (
      fits(SEVERITIES, finding.severity) &&
      fits(CHANGES, finding.change) &&
      (!value || finding.code === value)
    );
  }

  private group(rows: Finding[], listed: Finding[], open: boolean): HTMLElement {
    const [first] = rows;
    const severity = first?.severity ?? "info";
    const left = rows.length - listed.length;
    const node = el(
      "details",
      { class: "group", testid: "finding-group", attrs: open ? { open: "" } : {} },
      el(
        "summary",
        {},
        el("span", { class: `tag ${severity}`, text: text(severity) }),
        el("code", { text: first?.code ?? "" }),
        el("span", { class: "muted", text: String(rows.length) }),
      ),
      ...listed.map((finding) => this.row(finding)),
    );
    if (left > 0) node.append(el("p", { class: "muted", text: text("findingsMore", { n: left }) }));
    return node;
  }

  private row(finding: Finding): HTMLElement {
    const target = finding.element ?? null;
    const node = button({
      class: `finding ${finding.severity}`,
      testid: "finding",
      title: finding.code,
      attrs: target ? { "data-code": target } : { disabled: "" },
      on: { click: () => void (target && this.fly(node, target).catch(complain)) },
    });
    const { change } = finding;
    if (change) node.append(el("span", { class: `tag ${change}`, text: word(`change.${change}`) }));
    node.append(el("span", { class: "what", text: inLanguage(finding.text) || finding.code }));
    const hint = inLanguage(finding.hint);
    if (hint) node.append(el("span", { class: "muted", text: hint }));
    node.append(place(finding));
    return node;
  }

  private async fly(row: HTMLElement, code: string): Promise<void> {
    for (const other of this.groups.querySelectorAll(".finding.on")) other.classList.remove("on");
    row.classList.add("on");
    await this.app.select(code, true);
  }
}

function titleOf(source: Source | undefined): string {
  const { version, held } = source?.asked ?? {};
  if (held) return text("findingsHeld");
  return version ? text("findingsOf", { n: version }) : text("findings");
}

/** Where it is: the element, the line of the file; or that it is about no element. */
function place({ guid, step_id, element }: Finding): HTMLElement {
  const where = [guid, step_id ? `#${step_id}` : ""].filter(Boolean).join(" ");
  const note = element ? "" : text(guid ? "notInCity" : "noElement");
  return el(
    "span",
    { class: "muted" },
    where ? el("code", { text: where }) : null,
    where && note ? " · " : null,
    note ? el("span", { testid: "no-element", text: note }) : null,
  );
}

/** The same findings for the firm's own tool, and to print. */
function downloads({ model, asked }: Source): HTMLElement {
  const kinds = [
    ["bcf3", "3.0", "findings.bcf", `${model}.bcf`],
    ["bcf21", "2.1", "findings.bcf-2.1", `${model}-2.1.bcf`],
    ["report", "report", "report", `${model}.html`],
  ] as const;
  const buttons = kinds.map(([label, kind, testid, name]) =>
    button({
      class: "small",
      testid,
      text: `↓ ${text(label)}`,
      on: { click: () => void save(client.file(model, kind, asked), name).catch(complain) },
    }),
  );
  return el("div", { class: "row wrap" }, ...buttons);
}

/** A finding's words, in both languages or already in ours. */
function inLanguage(words: Finding["text"]): string {
  if (typeof words !== "object") return words ?? "";
  return words[spoken()] ?? words.en ?? "";
}

function groupBy<T>(items: T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

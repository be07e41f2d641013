import * as client from "../api/client";
import { isList, type ListOptions, sendList, undoList } from "../api/links";
import type { Job, ListReport, RefusedRow } from "../api/wire";
import { shortNumber } from "../city/ramp";
import { schemeName, spoken, text, word } from "../city/texts";
import type { App } from "./app";
import { button, el, replace, toggle } from "./dom";
import { complain } from "./toast";

const SHOWN_MAX = 200;
const POLL_MS = 700;

/** Lists of foreign codes: dropped, checked, each wrong row shown with its place, then linked. */
export function mountImport(app: App): HTMLElement {
  return new ImportPanel(app).node;
}

class ImportPanel {
  private readonly file = el("input", {
    testid: "import-file",
    attrs: { type: "file", accept: ".csv,.ndjson,.jsonl" },
    on: { change: () => this.chosen(this.file.files?.[0]) },
  });
  private readonly strict = toggle(
    () => text("listStrict"),
    "import-strict",
    () => undefined,
  );
  private readonly why = el("input", {
    placeholder: () => text("why"),
    testid: "import-why",
    attrs: { maxlength: "1000" },
  });
  private readonly state = el("p", { class: "muted", testid: "import-state" });
  private readonly outcome = el("div", { class: "outcome", testid: "import-outcome" });
  readonly node: HTMLDetailsElement;

  constructor(private readonly app: App) {
    const words = el("span", { text: () => text("listDrop") });
    this.node = el(
      "details",
      { class: "panel upload", testid: "import" },
      el("summary", { text: () => text("list") }),
      el("label", { class: "drop" }, this.file, words),
      this.state,
      this.outcome,
    );
    this.state.hidden = true;
    document.addEventListener("drop", (event) => {
      const file = event.dataTransfer?.files[0];
      if (!file || !isList(file.name)) return;
      event.preventDefault();
      this.node.open = true;
      this.chosen(file);
    });
  }

  private chosen(file: File | undefined): void {
    this.file.value = "";
    if (file) void this.check(file).catch((error) => this.failed(error));
  }

  private failed(error: unknown): void {
    this.state.hidden = true;
    complain(error);
  }

  /** First nothing is changed: a person sees what would happen. */
  private async check(file: File): Promise<void> {
    replace(this.outcome);
    const report = await this.sent(file, { dryRun: true, strict: false, why: "" });
    const counts = shortened(report);
    replace(
      this.outcome,
      el("p", { testid: "import-counts", text: () => text("listChecked", counts) }),
      report.counts.right ? this.linking(file, report.counts.right) : null,
      refusedRows(report),
    );
  }

  private linking(file: File, count: number): HTMLElement {
    const go = button({
      class: "small primary",
      text: () => text("listLink", { n: shortNumber(count) }),
      testid: "import-link",
      on: {
        click: () => {
          if (!this.why.value.trim()) {
            this.why.placeholder = text("whyNeeded");
            return this.why.focus();
          }
          go.disabled = true; // the same list twice at once would wait for itself
          this.link(file).catch((error) => {
            go.disabled = false;
            this.failed(error);
          });
        },
      },
    });
    return el("div", { class: "link-form" }, this.why, this.strict.node, go);
  }

  private async link(file: File): Promise<void> {
    const why = this.why.value.trim();
    const report = await this.sent(file, { dryRun: false, strict: this.strict.box.checked, why });
    const counts = shortened(report);
    replace(
      this.outcome,
      el("p", { testid: "import-counts", text: () => text("listLinked", counts) }),
      report.generation === null ? null : this.undoing(report.generation, why),
      refusedRows(report),
    );
    const { selected } = this.app.view.value;
    if (!selected) return;
    await this.app.select(null); // its card tells of codes that may just have come
    await this.app.select(selected);
  }

  private undoing(generation: number, why: string): HTMLElement {
    const undo = button({
      class: "small danger",
      text: () => text("listUndo"),
      testid: "import-undo",
      on: {
        click: () => {
          undo.disabled = true;
          undoList(generation, `${text("listUndo")}: ${why}`)
            .then(({ count }) => {
              const said = () => text("listUndone", { n: shortNumber(count) });
              replace(this.outcome, el("p", { testid: "import-undone", text: said }));
            })
            .catch((error) => {
              undo.disabled = false;
              complain(error);
            });
        },
      },
    });
    return undo;
  }

  private async sent(file: File, options: ListOptions): Promise<ListReport> {
    this.state.hidden = false;
    this.state.textContent = `${text("listReading")} ${file.name}`;
    const found = await sendList(file, options);
    const report = "state" in found ? await this.followed(found) : found;
    this.state.hidden = true;
    return report;
  }

  private async followed(queued: Job): Promise<ListReport> {
    let job = queued;
    while (job.state !== "done" && job.state !== "failed") {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      job = await client.job(job.id);
      this.state.textContent = `${word(job.state)} ${Math.round(job.fraction * 100)}%`;
    }
    if (job.state === "failed") throw new Error(job.error?.detail ?? job.error?.title ?? "");
    return job.result as unknown as ListReport;
  }
}

function shortened(report: ListReport): Record<string, string> {
  const counts = Object.entries(report.counts);
  return Object.fromEntries(counts.map(([name, n]) => [name, shortNumber(n)]));
}

/** The wrong rows in their order, each with its place marked and what belongs there. */
function refusedRows(report: ListReport): HTMLElement | null {
  if (report.refused.length === 0) return null;
  const shown = report.refused.slice(0, SHOWN_MAX);
  const rows = new Set(shown.map((row) => row.row));
  const rest = report.counts.refused - rows.size;
  const more = el("p", { class: "muted", text: () => text("listMore", { n: shortNumber(rest) }) });
  const list = el("ol", { class: "refused" }, ...shown.map(refusedRow));
  return el("section", {}, list, rest > 0 ? more : null);
}

function refusedRow(row: RefusedRow): HTMLElement {
  const place = () => {
    const column = row.column ? ` · ${word(row.column)}` : "";
    return text("listRow", { row: row.row }) + column;
  };
  const scheme = row.scheme
    ? el("span", { class: "tag plain", text: () => schemeName(row.scheme) })
    : null;
  return el(
    "li",
    {
      testid: "import-error",
      title: row.code,
      attrs: { "data-row": String(row.row), "data-position": String(row.position ?? "") },
    },
    el("div", { class: "row wrap" }, el("span", { class: "tag wrong", text: place }), scheme),
    row.value ? el("code", {}, ...marked(row)) : null,
    el("p", { text: () => row[spoken()] }),
  );
}

/** The value with the wrong place marked, where it stands there as it was read. */
function marked(row: RefusedRow): (Node | string)[] {
  const at = (row.position ?? 0) - 1;
  if (at < 0 || !row.found || !row.value.startsWith(row.found, at)) return [row.value];
  const wrong = el("mark", { text: row.found, testid: "import-wrong" });
  return [row.value.slice(0, at), wrong, row.value.slice(at + row.found.length)];
}

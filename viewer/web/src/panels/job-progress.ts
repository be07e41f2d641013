import type { Job } from "../api/wire";
import { shortNumber } from "../city/ramp";
import { known, text, word } from "../city/texts";
import { el, replace } from "./dom";

const STAGES = ["normalise", "extract", "mesh", "translate", "merge", "tiles", "activate"];
const MINUTE_S = 60;

/** How far a delivery is: the upload, then each stage of its job, what is left, what was counted. */
export class JobProgress {
  private readonly bar = el("div", { class: "fill" });
  private readonly stage = el("strong", { testid: "job-stage" });
  private readonly percent = el("span", { class: "muted", testid: "job-percent" });
  private readonly eta = el("span", { class: "muted", testid: "job-eta" });
  private readonly counts = el("p", { class: "muted", testid: "job-counted" });
  private readonly steps = el("ol", { class: "stages", testid: "job-stages" });
  readonly node = el(
    "div",
    { class: "progress" },
    el(
      "div",
      { class: "row" },
      this.stage,
      el("span", { class: "spring" }),
      this.eta,
      this.percent,
    ),
    el("div", { class: "track" }, this.bar),
    this.steps,
    this.counts,
  );

  constructor() {
    this.node.hidden = true;
  }

  /** Shows the upload itself; `note` says what it waits for, or how much was sent. */
  sending(fraction: number, left_s: number | null, note: string): void {
    this.show("uploading", text("uploading"), fraction, left_s);
    this.counts.textContent = note;
    replace(this.steps);
  }

  job(job: Job): void {
    const running = job.state === "running" && job.stage;
    const stage = running ? job.stage : job.state;
    this.show(stage, word(stage), job.state === "done" ? 1 : job.fraction, job.eta_s ?? null);
    this.node.classList.toggle("failed", job.state === "failed");
    this.node.classList.toggle("done", job.state === "done");
    const counted = Object.entries(job.counts ?? {}).filter(([name]) => known(`count.${name}`));
    const told = counted.map(([name, n]) => `${word(`count.${name}`)} ${shortNumber(n)}`);
    this.counts.textContent = told.join(" · ");
    this.mark(job);
  }

  failed(): void {
    this.stage.textContent = word("failed");
    this.stage.dataset.stage = "failed";
    this.node.classList.add("failed");
    this.eta.textContent = "";
  }

  private show(stage: string, name: string, fraction: number, left_s: number | null): void {
    this.node.hidden = false;
    this.node.classList.remove("failed", "done");
    this.stage.textContent = name;
    this.stage.dataset.stage = stage;
    this.percent.textContent = `${Math.round(fraction * 100)}%`;
    this.bar.style.width = `${Math.round(fraction * 100)}%`;
    this.eta.textContent = left_s === null || fraction >= 1 ? "" : left(left_s);
  }

  /** Each stage as done, under way or still to come. */
  private mark(job: Job): void {
    const at = STAGES.indexOf(job.stage);
    const stateOf = (number: number) => {
      if (job.state === "done" || number < at) return "done";
      return number === at ? "now" : "next";
    };
    const items = STAGES.map((stage, number) =>
      el("li", { text: word(stage), attrs: { "data-state": stateOf(number) } }),
    );
    replace(this.steps, ...items);
  }
}

function left(seconds: number): string {
  if (seconds < 2 * MINUTE_S) return text("etaSeconds", { n: Math.max(1, Math.round(seconds)) });
  return text("etaMinutes", { n: Math.round(seconds / MINUTE_S) });
}

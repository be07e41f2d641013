import * as client from "../api/client";
import { isList } from "../api/links";
import { upload } from "../api/upload";
import type { Job, Model, Upload } from "../api/wire";
import { shortNumber } from "../city/ramp";
import { text, word } from "../city/texts";
import type { App } from "./app";
import { button, el, replace } from "./dom";
import { findingsList } from "./findings";
import { PlaceForm } from "./place-form";
import { complain } from "./toast";

const FILE = /\.(ifc|ifczip|zip)$/i;
const POLL_MS = 700;

/** Upload: file, progress, stages, then where it stands, what was found, and the way back out. */
export function mountUpload(app: App): HTMLElement {
  const panel = new UploadPanel(app);
  return panel.node;
}

class UploadPanel {
  private readonly file = el("input", {
    testid: "upload-file",
    attrs: { type: "file", accept: ".ifc,.ifczip" },
    on: { change: () => this.chosen(this.file.files?.[0]) },
  });
  private readonly project = field("project");
  private readonly document = field("document");
  private readonly bar = el("div", { class: "fill" });
  private readonly stage = el("span", { testid: "job-stage" });
  private readonly percent = el("span", { class: "muted" });
  private readonly progress = el(
    "div",
    { class: "progress" },
    el("div", { class: "row" }, this.stage, el("span", { class: "spring" }), this.percent),
    el("div", { class: "track" }, this.bar),
  );
  private readonly outcome = el("div", { class: "outcome", testid: "upload-outcome" });
  readonly node: HTMLElement;

  constructor(private readonly app: App) {
    const drop = el(
      "label",
      { class: "drop" },
      this.file,
      el("span", { text: () => text("uploadDrop") }),
    );
    this.node = el(
      "details",
      { class: "panel upload", testid: "upload" },
      el("summary", { text: () => text("upload") }),
      drop,
      el("div", { class: "row" }, this.project, this.document),
      this.progress,
      this.outcome,
    );
    this.progress.hidden = true;
    this.listenForDrops();
  }

  private listenForDrops(): void {
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (!file || isList(file.name)) return; // lists of codes have a panel of their own
      (this.node as HTMLDetailsElement).open = true;
      this.chosen(file);
    });
  }

  private chosen(file: File | undefined): void {
    if (!file) return;
    if (!FILE.test(file.name)) {
      complain(new Error(text("uploadWrong")));
      return;
    }
    this.file.value = "";
    this.run(file).catch((error) => {
      this.at("failed", 1, true);
      complain(error);
    });
  }

  private async run(file: File): Promise<void> {
    replace(this.outcome);
    this.progress.hidden = false;
    this.at("uploading", 0);
    const fields = { project: this.project.value.trim(), document: this.document.value.trim() };
    const taken = await upload(file, fields, (fraction) => this.at("uploading", fraction));
    replace(this.outcome, el("p", { class: "muted", text: taken.why }));
    const ended = taken.job ? await this.follow(taken.job) : null;
    if (ended?.state === "failed") return this.refused(ended);
    this.at("done", 1);
    await this.placed(taken, ended);
  }

  /** Follows the job's events; where streaming is cut, polls. */
  private async follow(id: string): Promise<Job> {
    let last: Job | null = null;
    const control = new AbortController();
    const ended = () => last?.state === "done" || last?.state === "failed";
    const take = (job: Job) => {
      last = job;
      this.at(job.stage && job.state === "running" ? job.stage : job.state, job.fraction);
    };
    await client
      .jobEvents(id, {
        signal: control.signal,
        done: ended,
        onFrame: (frame) => take(frame.data as Job),
      })
      .catch(() => undefined); // polling below tells the same, or why not
    while (!ended()) {
      take(await client.job(id));
      if (!ended()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return client.job(id);
  }

  private at(stage: string, fraction: number, failed = false): void {
    this.stage.textContent = stage === "uploading" ? text("uploading") : word(stage);
    this.stage.dataset.stage = stage;
    this.percent.textContent = `${Math.round(fraction * 100)}%`;
    this.bar.style.width = `${Math.round(fraction * 100)}%`;
    this.progress.classList.toggle("failed", failed);
  }

  private refused(job: Job): void {
    this.at("failed", 1, true);
    const { detail = "", title = "", hint = "" } = job.error ?? {};
    replace(
      this.outcome,
      el("p", { class: "warn", testid: "job-error", text: detail || title }),
      hint ? el("p", { class: "muted", text: hint }) : null,
      findingsList(this.app, job.findings ?? []),
    );
  }

  private async placed(taken: Upload, job: Job | null): Promise<void> {
    const model = await client.model(taken.model);
    const findings = await client.findings(taken.model);
    const code = model.code ?? (job?.result?.code as string | undefined) ?? null;
    replace(
      this.outcome,
      taken.why ? el("p", { class: "muted", text: taken.why }) : null,
      counts(job, taken),
      this.standing(model, code),
      this.withdrawButton(taken.model),
      findingsList(this.app, findings, taken.model),
    );
  }

  private standing(model: Model, code: string | null): HTMLElement {
    const at = model.placement;
    const known = typeof at?.lon === "number" && typeof at.lat === "number";
    if (known && this.inCity(at.lon as number, at.lat as number)) {
      const facts = {
        lon: (at.lon as number).toFixed(6),
        lat: (at.lat as number).toFixed(6),
        provenance: word(at.provenance ?? "given"),
      };
      const fly = button({
        class: "primary small",
        text: text("flyThere"),
        testid: "fly",
        on: { click: () => void this.fly(model, code).catch(complain) },
      });
      return el("div", { class: "standing" }, el("p", { text: text("placedAt", facts) }), fly);
    }
    const why = text(known ? "outside" : "noPosition");
    const form = new PlaceForm(this.app, model, async () => {
      await this.app.models.reload(); // what is drawn now still stands where it stood
      await this.placed({ ...emptyUpload(model), why: "" }, null);
      await this.fly(model, code);
    });
    return el("div", { class: "standing" }, el("p", { class: "warn", text: why }), form.node);
  }

  private inCity(lon: number, lat: number): boolean {
    const [x, y] = this.app.frame.local(lon, lat, this.app.frame.home.height_m);
    return Math.hypot(x, y) < this.app.frame.cityRadius_m;
  }

  private async fly(model: Model, code: string | null): Promise<void> {
    if (code) return this.app.select(code, true);
    const now = await client.model(model.id);
    if (now.code) await this.app.select(now.code, true);
  }

  /** Withdrawing takes two clicks: it changes the city for everybody. */
  private withdrawButton(model: string): HTMLElement {
    const node = button({ class: "small danger", text: text("withdraw"), testid: "withdraw" });
    let sure = false;
    node.addEventListener("click", () => {
      if (!sure) {
        sure = true;
        node.textContent = text("withdrawSure");
        return;
      }
      client
        .withdraw(model)
        .then(async () => {
          replace(this.outcome, el("p", { text: text("withdrawn"), testid: "withdrawn" }));
          await this.app.select(null);
        })
        .catch(complain);
    });
    return node;
  }
}

function counts(job: Job | null, taken: Upload): HTMLElement | null {
  const result = job?.result ?? {};
  if (typeof result.added !== "number") {
    return taken.version ? el("p", { class: "muted", text: text("same") }) : null;
  }
  const facts = {
    added: shortNumber(Number(result.added)),
    changed: shortNumber(Number(result.changed ?? 0)),
    removed: shortNumber(Number(result.removed ?? 0)),
  };
  return el("p", { testid: "job-counts", text: text("counts", facts) });
}

function field(name: "project" | "document"): HTMLInputElement {
  return el("input", { placeholder: () => text(name), testid: `upload-${name}` });
}

const emptyUpload = (model: Model): Upload => ({
  model: model.id,
  project: "",
  document: model.id,
  why: "",
  sha256: "",
});

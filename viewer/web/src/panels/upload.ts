import * as client from "../api/client";
import { cancel, handOver } from "../api/deliveries";
import { isList } from "../api/links";
import * as tus from "../api/tus";
import type { Job, Upload } from "../api/wire";
import { type TextKey, text } from "../city/texts";
import { type App, onView } from "./app";
import { Delivered } from "./delivered";
import { DocumentChooser } from "./document-chooser";
import { button, el, replace } from "./dom";
import { JobProgress } from "./job-progress";
import { complain } from "./toast";
import "./door.css";

const FILE = /\.(ifc|ifczip|zip)$/i;
const POLL_MS = 700;
const MEGABYTE = 1e6;
const JOB_KEY = "twin.job"; // the delivery under way, so that a reload of the page shows it again

/** The firm's screen: a file on its way, the stages of its check, and what came of it. */
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
  private readonly progress = new JobProgress();
  private readonly stop = button({
    class: "small",
    testid: "upload-stop",
    on: { click: () => this.stopping?.() },
  });
  private readonly waiting = el("div", { class: "unfinished" });
  private readonly delivered: Delivered;
  private readonly chooser: DocumentChooser;
  private stopping: (() => void) | null = null; // ends what is under way
  private shown: (() => Promise<void>) | null = null; // said again in another language
  readonly node: HTMLDetailsElement;

  constructor(app: App) {
    this.delivered = new Delivered(
      app,
      (job) => this.follow(job),
      () => this.chooser.load(),
    );
    this.chooser = new DocumentChooser((id) => {
      this.progress.node.hidden = true;
      this.show(() => this.delivered.show(id));
    });
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
      this.waiting,
      this.progress.node,
      this.stop,
      this.chooser.node,
      this.delivered.node,
    );
    this.stoppable("uploadStop", null);
    this.node.addEventListener("toggle", () => this.toggled());
    this.listenForDrops();
    onView(
      app,
      (view) => view.lang,
      () => void this.shown?.().catch(complain),
    );
    this.resume();
  }

  private toggled(): void {
    if (!this.node.open) {
      this.delivered.leaveFindings();
      return;
    }
    void this.chooser.load().catch(complain);
    void this.listUnfinished().catch(complain);
    void this.shown?.().catch(complain);
  }

  private show(again: () => Promise<void>): void {
    this.shown = again;
    void again().catch(complain);
  }

  private listenForDrops(): void {
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (!file || isList(file.name)) return; // lists of codes have a panel of their own
      this.node.open = true;
      this.chosen(file);
    });
  }

  private chosen(file: File | undefined): void {
    if (!file || this.stopping) return; // one after the other
    if (!FILE.test(file.name)) {
      complain(new Error(text("uploadWrong")));
      return;
    }
    this.file.value = "";
    this.run(file).catch((error) => {
      this.progress.failed();
      complain(error);
      void this.listUnfinished().catch(complain);
    });
  }

  private async run(file: File): Promise<void> {
    this.shown = null;
    this.delivered.clear();
    replace(this.waiting);
    const fields = { project: this.project.value.trim(), document: this.document.value.trim() };
    const upload = await this.send(file, fields);
    if (!upload) return;
    const { project, document } = upload;
    const taken = await handOver(tus.idOf(upload), { project, document });
    tus.forget(upload);
    await this.followed(taken);
  }

  /** Sends the file; null where the person gave it up meanwhile. */
  private async send(
    file: File,
    fields: { project: string; document: string },
  ): Promise<tus.Unfinished | null> {
    const control = new AbortController();
    const rate = new Rate();
    this.stoppable("uploadStop", () => control.abort());
    const size = (file.size / MEGABYTE).toFixed(1);
    const sent = (bytes: number) => {
      const note = text("uploadBytes", { sent: (bytes / MEGABYTE).toFixed(1), size });
      const fraction = file.size ? bytes / file.size : 1;
      this.progress.sending(fraction, rate.left_s(bytes, file.size), note);
    };
    const waiting = () => this.progress.sending(rate.fraction, null, text("uploadWaiting"));
    try {
      return await tus.sendFile(file, fields, { sent, waiting, signal: control.signal });
    } catch (error) {
      if (!control.signal.aborted) throw error;
      const begun = tus.remembered(file);
      if (begun) await tus.giveUp(begun);
      this.progress.node.hidden = true;
      return null;
    } finally {
      this.stoppable("uploadStop", null);
    }
  }

  /** What this browser began to send and did not finish: it goes on with the same file. */
  private async listUnfinished(): Promise<void> {
    const rows: HTMLElement[] = [];
    for (const upload of tus.unfinished()) {
      const offset = await tus.standing(upload);
      if (offset !== null) rows.push(this.unfinished(upload, offset));
    }
    if (!this.stopping) replace(this.waiting, ...rows);
  }

  private unfinished(upload: tus.Unfinished, offset: number): HTMLElement {
    const percent = Math.floor((100 * offset) / Math.max(upload.size, 1));
    const drop = button({
      class: "small",
      text: () => text("giveUp"),
      on: { click: () => void tus.giveUp(upload).then(() => row.remove(), complain) },
    });
    const row = el(
      "div",
      { class: "row", testid: "unfinished" },
      el("p", { class: "warn", text: () => text("unfinished", { name: upload.name, percent }) }),
      drop,
    );
    return row;
  }

  /** Goes on to show the delivery that was under way when the page was left. */
  private resume(): void {
    const kept = sessionStorage.getItem(JOB_KEY);
    if (!kept) return;
    this.node.open = true;
    this.followed(JSON.parse(kept) as Upload).catch((error) => {
      sessionStorage.removeItem(JOB_KEY);
      complain(error);
    });
  }

  private async followed(taken: Upload): Promise<void> {
    sessionStorage.setItem(JOB_KEY, JSON.stringify(taken));
    const ended = taken.job ? await this.follow(taken.job) : null;
    sessionStorage.removeItem(JOB_KEY);
    if (ended?.state === "failed") {
      this.show(async () => this.delivered.refused(ended));
      return;
    }
    if (ended) this.progress.job(ended);
    await this.chooser.load(taken.model);
    this.show(() => this.delivered.show(taken.model, { upload: taken, job: ended }));
  }

  /** Offers to end what is under way; null: nothing is. */
  private stoppable(label: TextKey, stop: (() => void) | null): void {
    this.stop.textContent = text(label);
    this.stop.hidden = stop === null;
    this.stopping = stop;
  }

  private async follow(id: string): Promise<Job> {
    this.stoppable("cancelJob", () => void cancel(id).catch(complain));
    try {
      return await this.untilEnded(id);
    } finally {
      this.stoppable("cancelJob", null);
    }
  }

  /** Follows the job's events; where streaming is cut, polls. */
  private async untilEnded(id: string): Promise<Job> {
    let last: Job | null = null;
    const control = new AbortController();
    const ended = () => last?.state === "done" || last?.state === "failed";
    const take = (job: Job) => {
      last = job;
      this.progress.job(job);
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
}

/** How fast bytes go, since the first that this page sent. */
class Rate {
  private first: { at: number; bytes: number } | null = null;
  fraction = 0;

  left_s(bytes: number, size: number): number | null {
    const at = performance.now();
    this.first ??= { at, bytes };
    this.fraction = size ? bytes / size : 1;
    const sent = bytes - this.first.bytes;
    return sent > 0 ? (((at - this.first.at) / sent) * (size - bytes)) / 1000 : null;
  }
}

function field(name: "project" | "document"): HTMLInputElement {
  return el("input", { placeholder: () => text(name), testid: `upload-${name}` });
}

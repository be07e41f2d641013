import * as client from "../api/client";
import * as door from "../api/deliveries";
import type { Held, Job, Model, Upload } from "../api/wire";
import { shortNumber } from "../city/ramp";
import { text, word } from "../city/texts";
import type { App } from "./app";
import { deliveriesList } from "./deliveries";
import { button, el, replace } from "./dom";
import { Findings } from "./findings";
import { PlaceForm } from "./place-form";
import { complain } from "./toast";

/** What the door said of the delivery that is looked at, if it has just come. */
export interface Arrived {
  upload: Upload;
  job: Job | null;
}

/** A delivered document: where it stands, what was found, the way back out, and its history. */
export class Delivered {
  readonly node = el("div", { class: "outcome", testid: "upload-outcome" });
  private readonly found = el("div", {});
  private findings: Findings | null = null;
  private asked = 0; // of several documents asked for, only the last one's answer is shown

  /** `follow` shows a job until it has ended; `changed`: the list of documents is another. */
  constructor(
    private readonly app: App,
    private readonly follow: (job: string) => Promise<Job>,
    private readonly changed: () => Promise<void>,
  ) {}

  clear(): void {
    this.asked += 1;
    this.leaveFindings();
    replace(this.node);
  }

  /** Shows what was found in a file that was refused; nothing of it is in the city. */
  refused(job: Job): void {
    this.clear();
    const { detail = "", title = "", hint = "" } = job.error ?? {};
    this.findings = job.findings?.length ? new Findings(this.app, job.findings) : null;
    replace(
      this.node,
      el("p", { class: "warn", testid: "job-error", text: detail || title }),
      hint ? el("p", { class: "muted", text: hint }) : null,
      this.findings?.node ?? null,
    );
  }

  async show(id: string, arrived: Arrived | null = null): Promise<void> {
    const mine = ++this.asked;
    const model = await client.model(id);
    if (mine !== this.asked) return;
    const code = model.code ?? (arrived?.job?.result?.code as string | undefined) ?? null;
    const version = model.version ?? 0;
    const stands = version > 0 && !model.withdrawn;
    replace(
      this.node,
      this.head(model),
      arrived?.upload.why ? el("p", { class: "muted", text: arrived.upload.why }) : null,
      arrived ? counts(arrived) : null,
      model.held ? this.decision(id, model.held) : null,
      stands && !model.held ? this.standing(model, code) : null,
      this.found,
      version > 0 ? deliveriesList(id, (number) => this.showFindings(id, of(number))) : null,
    );
    const against = version > 0 ? { against: version } : {};
    await this.showFindings(id, model.held ? { held: true, ...against } : of(version));
  }

  /** Takes the colours of the findings off the model. */
  leaveFindings(): void {
    this.findings?.dispose();
    this.findings = null;
    replace(this.found);
  }

  private async showFindings(model: string, asked: door.Asked): Promise<void> {
    const mine = this.asked;
    const found = await door.findings(model, asked);
    if (mine !== this.asked) return;
    this.leaveFindings();
    this.findings = new Findings(this.app, found, { model, asked });
    replace(this.found, this.findings.node);
  }

  private head(model: Model): HTMLElement {
    return el("h3", { testid: "delivered-name", text: nameOf(model) });
  }

  /** What was checked and waits: a person takes it into the city, or sends it back. */
  private decision(id: string, held: Held): HTMLElement {
    const { filename, sha256, accepting } = held;
    const facts = { filename, objects: held.objects, findings: held.findings };
    const accept = button({
      class: "primary small",
      testid: "accept",
      text: text(accepting ? "accepting" : "accept"),
      on: { click: () => void this.accept(id, sha256).catch(complain) },
    });
    const reject = button({
      class: "small danger",
      testid: "reject",
      text: text("reject"),
      on: { click: () => void this.reject(id, sha256).catch(complain) },
    });
    for (const node of [accept, reject]) node.disabled = accepting;
    return el(
      "div",
      { class: "standing", testid: "held" },
      el("p", { class: "warn", text: text("heldTold", facts) }),
      el("div", { class: "row wrap actions" }, accept, reject),
    );
  }

  private async accept(id: string, sha256: string): Promise<void> {
    const { job } = await door.accept(id, sha256);
    const ended = await this.follow(job);
    if (ended.state === "failed") this.refused(ended);
    else await Promise.all([this.show(id), this.changed()]);
  }

  private async reject(id: string, sha256: string): Promise<void> {
    await door.reject(id, sha256);
    this.clear();
    replace(this.node, el("p", { testid: "rejected", text: text("rejected") }));
    await this.changed();
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
      const told = el("p", { text: text("placedAt", facts) });
      return this.withActions(told, fly, model.id);
    }
    const why = text(known ? "outside" : "noPosition");
    const form = new PlaceForm(this.app, model, async () => {
      await this.app.models.reload(); // what is drawn now still stands where it stood
      await this.show(model.id);
      await this.fly(model, code);
    });
    return this.withActions(el("p", { class: "warn", text: why }), form.node, model.id);
  }

  private withActions(told: HTMLElement, first: HTMLElement, id: string): HTMLElement {
    const actions = el("div", { class: "row wrap actions" }, first, this.withdrawButton(id));
    return el("div", { class: "standing" }, told, actions);
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
          this.clear();
          replace(this.node, el("p", { text: text("withdrawn"), testid: "withdrawn" }));
          await Promise.all([this.app.select(null), this.changed()]);
        })
        .catch(complain);
    });
    return node;
  }
}

/** The findings of a version, and what changed since the one before. */
function of(version: number): door.Asked {
  return version > 1 ? { version, against: version - 1 } : { version };
}

/** A document as it is listed: its name and how it stands. */
export function nameOf({ name, version, withdrawn, held }: Model): string {
  if (held) return text("deliveredHeld", { name });
  if (withdrawn) return text("deliveredGone", { name });
  return text("deliveredOne", { name, version: version ?? "" });
}

function counts({ job, upload }: Arrived): HTMLElement | null {
  const result = job?.result ?? {};
  if (typeof result.added !== "number") {
    return upload.version ? el("p", { class: "muted", text: text("same") }) : null;
  }
  const facts = {
    added: shortNumber(Number(result.added)),
    changed: shortNumber(Number(result.changed ?? 0)),
    removed: shortNumber(Number(result.removed ?? 0)),
  };
  return el("p", { testid: "job-counts", text: text("counts", facts) });
}

import type { Candidate, Device } from "../api/devices";
import * as client from "../api/devices";
import { shortNumber } from "../city/ramp";
import { text, word } from "../city/texts";
import type { App } from "./app";
import { button, el, replace } from "./dom";
import { complain, tell } from "./toast";

/** Devices that were given a place: a person says which of the candidates each observes. */
export class ProposedList {
  readonly node = el("div", {});

  constructor(private readonly app: App) {}

  async show(): Promise<void> {
    const found = await client.devices({ status: "proposed" });
    const none = el("p", { class: "muted", text: text("proposedNone") });
    replace(this.node, ...(found.items.length ? found.items.map((d) => this.row(d)) : [none]));
  }

  private row(device: Device): HTMLElement {
    const none = el("p", { class: "muted", text: text("noCandidates") });
    const listed = device.candidates.map((candidate) => this.candidate(device, candidate));
    return el(
      "div",
      { class: "device-card", testid: "proposed" },
      el("strong", { text: device.device }),
      ...(listed.length ? listed : [none]),
    );
  }

  private candidate(device: Device, candidate: Candidate): HTMLElement {
    const away = candidate.distance_m
      ? text("away", { m: shortNumber(candidate.distance_m) })
      : text("inside");
    const share = Math.round(candidate.confidence * 100);
    const fly = button({
      class: "link",
      text: candidate.name || candidate.code,
      title: candidate.code,
      on: { click: () => void this.app.select(candidate.code, true).catch(complain) },
    });
    const take = button({
      class: "primary small",
      testid: "proposed-confirm",
      text: text("confirm"),
      on: { click: () => void this.confirm(device, candidate).catch(complain) },
    });
    const bar = el("div", { class: "fill" });
    bar.style.width = `${share}%`;
    return el(
      "div",
      { class: "row candidate" },
      fly,
      el("span", { class: "muted", text: `${word(candidate.kind)} · ${away}` }),
      el("span", { class: "spring" }),
      el("div", { class: "track" }, bar),
      el("span", { text: `${share}%` }),
      take,
    );
  }

  private async confirm(device: Device, candidate: Candidate): Promise<void> {
    const row = await client.confirm(device, candidate.code);
    tell(text("confirmed", { device: device.device, n: row.adopted }));
    await this.show();
  }
}

import { resolved } from "../api/client";
import type { Device, Reading, TableReport } from "../api/devices";
import * as client from "../api/devices";
import { shortNumber } from "../city/ramp";
import { age, text, unit, word } from "../city/texts";
import type { App } from "./app";
import { button, el, replace, save } from "./dom";
import { listEnd } from "./list-end";
import { complain, tell } from "./toast";

const SEARCH_WAIT_MS = 250;
const SKEW_TOLD_S = 1; // less is the way through the network
const ERRORS_SHOWN = 20;

/** The register: each device with its newest values, their age and quality, and its clock. */
export class DeviceList {
  private readonly search = el("input", {
    testid: "device-search",
    placeholder: () => text("deviceSearch"),
    on: { input: () => this.searchSoon() },
  });
  private readonly rows = el("div", { class: "device-rows" });
  private readonly foot = el("div", { class: "row" });
  private readonly report = el("div", { class: "outcome" });
  private waiting = 0;
  private asked = 0; // pages asked for: only the last one's answer is shown
  readonly node: HTMLElement;

  constructor(private readonly app: App) {
    const file = el("input", {
      testid: "device-table-in",
      attrs: { type: "file", accept: ".csv,text/csv" },
      on: { change: () => void this.tryTable(file).catch(complain) },
    });
    const given = button({
      class: "small",
      testid: "device-table-out",
      text: () => text("tableOut"),
      on: { click: () => void save(client.table(), "devices.csv").catch(complain) },
    });
    const taken = el(
      "label",
      { class: "drop small" },
      file,
      el("span", { text: () => text("tableIn") }),
    );
    const head = el("div", { class: "row" }, this.search, given, taken);
    this.node = el("div", {}, head, this.report, this.rows, this.foot);
  }

  async show(): Promise<void> {
    replace(this.rows);
    await this.page(null);
  }

  private searchSoon(): void {
    clearTimeout(this.waiting);
    this.waiting = window.setTimeout(() => void this.show().catch(complain), SEARCH_WAIT_MS);
  }

  private async page(cursor: string | null): Promise<void> {
    const mine = ++this.asked;
    const q = this.search.value.trim();
    const found = await client.devices({ q, cursor });
    if (mine !== this.asked || q !== this.search.value.trim()) return; // asked or typed meanwhile
    this.rows.append(...found.items.map((device) => this.row(device)));
    const empty = this.rows.childElementCount === 0 ? text("deviceNone") : null;
    const { next } = found;
    listEnd(this.foot, empty, next ? () => this.page(next) : null);
  }

  private row(device: Device): HTMLElement {
    const node = el(
      "div",
      { class: "device-row", testid: "device-row", attrs: { "data-device": device.device } },
      el("div", { class: "what" }, this.names(device), this.target(device), this.source(device)),
      el("div", { class: "values" }, ...lastValues(device)),
      el("span", { class: "muted clock", testid: "device-skew", text: clock(device.skew_s) }),
    );
    node.append(this.unbindButton(device, node));
    return node;
  }

  private names(device: Device): HTMLElement {
    const name = device.name === device.device ? "" : device.name;
    const tenant = device.tenant ? `${device.tenant}/` : "";
    return el(
      "div",
      {},
      el("strong", { text: tenant + device.device }),
      name ? el("span", { class: "muted", text: ` ${name}` }) : null,
    );
  }

  private target(device: Device): HTMLElement {
    const code = device.code;
    if (!code) return el("span", { class: "warn", text: word(device.status) });
    return button({
      class: "link mono",
      text: code,
      on: { click: () => void this.app.select(code, true).catch(complain) },
    });
  }

  /** Who bound it; what stands in a model leads to its element there. */
  private source(device: Device): HTMLElement {
    const said = word(`source.${device.source}`);
    const guid = device.element_guid;
    if (!guid) return el("div", { class: "muted", testid: "device-source", text: said });
    const found = async () => this.app.select((await resolved(guid)).code, true);
    const link = button({
      class: "link",
      testid: "device-source",
      text: said,
      on: { click: () => void found().catch(complain) },
    });
    return el("div", {}, link);
  }

  /** Unbinding takes two clicks, and can be taken back. */
  private unbindButton(device: Device, node: HTMLElement): HTMLElement {
    const made = button({ class: "small", text: text("unbind"), testid: "device-unbind" });
    let sure = false;
    made.addEventListener("click", () => {
      if (!sure) {
        sure = true;
        made.textContent = text("unbindSure");
        return;
      }
      client
        .unbind(device)
        .then(() => this.unbound(device, node))
        .catch(complain);
    });
    return made;
  }

  private unbound(device: Device, node: HTMLElement): void {
    const back = button({
      class: "small",
      testid: "device-undo",
      text: text("undo"),
      on: {
        click: () =>
          void client
            .undo(device)
            .then(() => this.show())
            .catch(complain),
      },
    });
    const told = text("unboundTold", { device: device.device });
    replace(node, el("span", { class: "muted what", text: told }), back);
  }

  private async tryTable(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    if (!file) return;
    input.value = "";
    const report = await client.takeTable(file, true);
    const take = button({
      class: "primary small",
      testid: "device-table-take",
      text: text("tableTake"),
      on: { click: () => void this.takeTable(file).catch(complain) },
    });
    replace(this.report, ...told(report), report.bound + report.proposed > 0 ? take : null);
  }

  private async takeTable(file: File): Promise<void> {
    const report = await client.takeTable(file, false);
    tell(text("tableTaken", { bound: report.bound, adopted: report.adopted }));
    replace(this.report);
    await this.show();
  }
}

function told(report: TableReport): HTMLElement[] {
  const { rows, bound, proposed, errors_count: errors } = report;
  const sum = el("p", {
    testid: "device-table-report",
    text: text("tableTried", { rows, bound, proposed, errors }),
  });
  const wrong = report.errors
    .slice(0, ERRORS_SHOWN)
    .map(({ row, column, message }) =>
      el("p", { class: "warn", text: text("tableRow", { row, column, message }) }),
    );
  return [sum, ...wrong];
}

function lastValues(device: Device): HTMLElement[] {
  const known = Object.entries(device.last);
  if (known.length === 0) return [el("span", { class: "muted", text: text("neverHeard") })];
  return known.map(([property, reading]) =>
    el(
      "div",
      { class: "live-row" },
      el("span", { class: `dot ${reading.quality}` }),
      el("span", { class: "label", text: word(property) }),
      el("strong", { testid: "device-value", text: valueText(reading) }),
      el("span", { class: "muted", testid: "device-quality", text: standing(reading) }),
    ),
  );
}

/** Quality, its reasons, and the age. */
function standing(reading: Reading): string {
  const reasons = reading.reasons.filter((reason) => reason !== reading.quality).map(word);
  const why = reasons.length ? `（${reasons.join("，")}）` : "";
  return `${word(reading.quality)}${why} ${age(reading.observed_at, Date.now())}`;
}

export function valueText(said: { value: Reading["value"]; unit: string | null }): string {
  if (said.value === null) return "—";
  const shown = typeof said.value === "number" ? shortNumber(said.value) : word(String(said.value));
  return `${shown} ${unit(said.unit ?? "")}`.trim();
}

function clock(skew_s: number | null): string {
  if (skew_s === null || Math.abs(skew_s) < SKEW_TOLD_S) return "";
  return text(skew_s > 0 ? "behind" : "ahead", { n: shortNumber(Math.abs(skew_s)) });
}

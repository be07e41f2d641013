import * as client from "../api/client";
import type { Resolved, SensorRow, StateRow } from "../api/wire";
import type { Live } from "../city/live";
import { shortNumber } from "../city/ramp";
import { age, text, unit, word } from "../city/texts";
import { el, replace } from "./dom";
import { sparkline } from "./sparkline";
import { complain } from "./toast";

const AGE_EVERY_MS = 1_000;
const FLASH_MS = 900;
const HISTORY_H = 24;
const ROWS_MAX = 60;
const CURVES_MAX = 4;

interface Row {
  node: HTMLElement;
  value: HTMLElement;
  note: HTMLElement;
  observed_at: string | null;
  quality: string;
}

/** The live part of the card: one row a property of the thing, and of its parts that are sensed. */
export class LiveRows {
  readonly node = el("section", { class: "live" });
  private readonly rows = new Map<string, Row>();
  private own = "";

  constructor(private readonly live: Live) {
    live.states.add((row) => this.take(row));
    setInterval(() => this.tickAges(), AGE_EVERY_MS);
  }

  clear(): void {
    this.rows.clear();
    this.own = "";
    this.live.followCodes([]);
    replace(this.node);
  }

  async show(told: Resolved, signal: AbortSignal): Promise<void> {
    this.rows.clear();
    this.own = told.code;
    const states = await client.stateOf(told.code, signal);
    if (signal.aborted) return;
    // What a sensor says is the state of the thing it observes: shown once, under that.
    const twice = told.kind === "Sensor" && told.sensors.length > 0;
    const own: SensorRow[] = Object.entries(twice ? {} : states).map(([property, state]) => ({
      ...state,
      code: state.source ?? "",
      of: told.code,
      property,
    }));
    const shown = freshestOfEach([...own, ...told.sensors], told.code).slice(0, ROWS_MAX);
    replace(
      this.node,
      el("h3", { text: text(this.live.moment.value ? "stateThen" : "live") }),
      shown.length ? null : el("p", { class: "muted", text: text("noLive") }),
      ...shown.map((row) => this.add(row, told.code)),
    );
    this.live.followCodes([...new Set([told.code, ...shown.map((row) => row.of ?? told.code)])]);
    await this.curves(own, signal);
  }

  private add(sensor: SensorRow, thing: string): HTMLElement {
    const of = sensor.of ?? thing;
    const value = el("strong", { text: valueText(sensor.value, sensor.unit) });
    if (of === thing || sensor.code === thing) value.dataset.testid = `live-${sensor.property}`;
    const note = el("span", { class: "muted" });
    const label = of === thing || !sensor.name ? word(sensor.property) : sensor.name;
    const node = el(
      "div",
      { class: "live-row", attrs: { title: sensor.code } },
      el("span", { class: `dot ${sensor.quality}` }),
      el("span", { class: "label", text: label }),
      value,
      note,
    );
    const { observed_at, quality } = sensor;
    this.rows.set(key(of, sensor.property), { node, value, note, observed_at, quality });
    this.tickAges();
    return node;
  }

  private take(state: StateRow): void {
    const row = this.rows.get(key(state.code, state.property));
    if (!row) {
      this.addNew(state);
      return;
    }
    const fresh = valueText(state.value, state.unit);
    if (row.value.textContent !== fresh) {
      row.value.textContent = fresh;
      row.node.classList.add("flash");
      setTimeout(() => row.node.classList.remove("flash"), FLASH_MS);
    }
    row.observed_at = state.observed_at;
    row.quality = state.quality;
    const dot = row.node.querySelector(".dot");
    if (dot) dot.className = `dot ${state.quality}`;
    this.tickAges();
  }

  /** A property that was never heard before appears as soon as it is. */
  private addNew(state: StateRow): void {
    if (state.code !== this.own || !this.node.firstChild) return;
    const known = { ...state, code: state.source ?? "", of: state.code };
    this.node.querySelector(":scope > p")?.remove();
    this.node.append(this.add(known, this.own));
  }

  private tickAges(): void {
    const now = this.live.now_ms;
    for (const row of this.rows.values()) {
      const said = `${word(row.quality)} ${age(row.observed_at, now)}`.trim();
      if (row.note.textContent !== said) row.note.textContent = said;
    }
  }

  private async curves(own: SensorRow[], signal: AbortSignal): Promise<void> {
    const numbers = own.filter((row) => typeof row.value === "number").slice(0, CURVES_MAX);
    const from = new Date(this.live.now_ms - HISTORY_H * 3_600_000);
    for (const { property } of numbers) {
      const samples = await client.history(this.own, property, from, signal).catch((error) => {
        complain(error);
        return [];
      });
      if (signal.aborted) return;
      const curve = sparkline(samples);
      if (curve) this.rows.get(key(this.own, property))?.node.append(curve);
    }
  }
}

/** One row a thing and property, in the order they came: where several sources speak, the newest. */
function freshestOfEach(rows: SensorRow[], thing: string): SensorRow[] {
  const best = new Map<string, SensorRow>();
  for (const row of rows) {
    const place = key(row.of ?? thing, row.property);
    const before = best.get(place);
    if (!before || (before.observed_at ?? "") < (row.observed_at ?? "")) best.set(place, row);
  }
  return [...best.values()];
}

const key = (code: string, property: string) => `${code} ${property}`;

function valueText(value: SensorRow["value"], unitCode: string): string {
  if (value === null) return "—";
  if (typeof value === "number") return `${shortNumber(value)} ${unit(unitCode)}`.trim();
  return `${word(String(value))} ${unit(unitCode)}`.trim();
}

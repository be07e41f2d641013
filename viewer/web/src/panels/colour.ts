import * as client from "../api/client";
import type { StateRow } from "../api/wire";
import { css, type Ramp, ramp } from "../city/ramp";
import { text, unit, word } from "../city/texts";
import { type App, onView } from "./app";
import { el, replace } from "./dom";
import { complain } from "./toast";

const REPAINT_MS = 400;
const DISCOVERY_PAGES = 3;

/** Colour by property: the choice, the legend, and the colours that follow the stream. */
export function mountColour(app: App): { chooser: HTMLElement; legend: HTMLElement } {
  const select = el("select", {
    testid: "colour-by",
    title: () => text("colourBy"),
    on: { change: () => app.update({ colourBy: select.value || null }) },
  });
  const legend = el("section", { class: "panel legend", testid: "legend" });
  legend.hidden = true;
  const colouring = new Colouring(app, legend);
  onView(
    app,
    (view) => view.colourBy,
    (property) => void colouring.choose(property).catch(complain),
  );
  onView(
    app,
    (view) => view.lang,
    () => {
      void fillChoices(app, select).catch(complain);
      colouring.drawLegend();
    },
  );
  const readAgain = () => void fillChoices(app, select).catch(complain);
  app.live.models.add(readAgain);
  app.live.jumps.add(() => {
    readAgain();
    void colouring.choose(app.view.value.colourBy).catch(complain);
  });
  const label = el("span", { text: () => text("colourBy") });
  return { chooser: el("label", { class: "field" }, label, select), legend };
}

async function fillChoices(app: App, select: HTMLSelectElement): Promise<void> {
  const rows = await client.queryState([], DISCOVERY_PAGES);
  const names = new Set(rows.map((row) => row.property));
  const chosen = app.view.value.colourBy;
  if (chosen) names.add(chosen);
  const options = [...names].sort().map((name) => {
    const option = el("option", { text: word(name), attrs: { value: name } });
    return option;
  });
  const none = el("option", { text: text("colourNone"), attrs: { value: "" } });
  replace(select, none, ...options);
  select.value = chosen ?? "";
}

class Colouring {
  private rows = new Map<string, StateRow>();
  private property: string | null = null;
  private madeXray = false;
  private timer = 0;
  private asked = 0;

  constructor(
    private readonly app: App,
    private readonly legend: HTMLElement,
  ) {
    app.live.states.add((row) => this.take(row));
    app.models.changed.listen(() => this.seeThrough());
  }

  async choose(property: string | null): Promise<void> {
    this.property = property;
    this.rows.clear();
    this.app.live.followProperty(property);
    const asked = ++this.asked;
    if (property) {
      const rows = await client.queryState([property]).catch((error) => {
        if (asked === this.asked) this.repaint(true); // no colours rather than those of another time
        throw error;
      });
      if (asked !== this.asked) return;
      for (const row of rows) this.keep(row);
    } else if (this.madeXray) {
      this.madeXray = false;
      this.app.update({ xray: false });
    }
    this.repaint(true);
    this.seeThrough();
  }

  drawLegend(): void {
    const held = this.app.models.paint.ramp;
    this.legend.hidden = !held || !this.property;
    if (!held || !this.property) return;
    const unitText = held.unit ? `（${unit(held.unit)}）` : "";
    replace(
      this.legend,
      el("h3", { text: word(this.property) + (unit(held.unit) ? unitText : "") }),
      held.continuous ? scaleBar(held) : swatches(held),
      el("p", { class: "muted", text: text("legendCount", { n: this.rows.size }) }),
    );
  }

  private keep(row: StateRow): void {
    if (row.quality === "bad" || row.value === null) return;
    const before = this.rows.get(row.code);
    if (!before || before.observed_at <= row.observed_at) this.rows.set(row.code, row);
  }

  private take(row: StateRow): void {
    if (row.property !== this.property) return;
    this.keep(row);
    if (this.timer) return;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.repaint(false);
    }, REPAINT_MS);
  }

  /** A legend that jumps with each reading cannot be read: it moves only when values leave it. */
  private repaint(anew: boolean): void {
    const paint = this.app.models.paint;
    paint.values = new Map([...this.rows].map(([code, row]) => [code, row.value]));
    const fits = (row: StateRow) => !paint.ramp || paint.ramp.colour(row.value) !== null;
    const inside = (row: StateRow) =>
      !paint.ramp?.continuous ||
      (typeof row.value === "number" &&
        row.value >= paint.ramp.low &&
        row.value <= paint.ramp.high);
    const rows = [...this.rows.values()];
    if (anew || !rows.every((row) => fits(row) && inside(row))) {
      paint.ramp = rows.length ? ramp(rows) : null;
    }
    this.app.models.repaint();
    this.drawLegend();
  }

  /** Spaces lie inside walls: colouring them makes the walls see-through. */
  private seeThrough(): void {
    if (!this.property || this.app.view.value.xray || this.madeXray) return;
    for (const code of this.rows.keys()) {
      if (this.app.models.kindOf(code) !== "Space") continue;
      this.madeXray = true;
      this.app.update({ xray: true });
      return;
    }
  }
}

function scaleBar(held: Ramp): HTMLElement {
  const stops = held.entries.map((entry) => css(entry.colour)).join(", ");
  const bar = el("div", { class: "scale" });
  bar.style.background = `linear-gradient(90deg, ${stops})`;
  const ticks = held.entries.map((entry) => el("span", { text: entry.label }));
  return el("div", {}, bar, el("div", { class: "ticks" }, ...ticks));
}

function swatches(held: Ramp): HTMLElement {
  const rows = held.entries.map((entry) => {
    const swatch = el("i");
    swatch.style.background = css(entry.colour);
    return el("div", { class: "swatch" }, swatch, el("span", { text: word(entry.label) }));
  });
  return el("div", { class: "swatches" }, ...rows);
}

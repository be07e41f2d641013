import * as client from "../api/client";
import type { CityObject, Resolved } from "../api/wire";
import { text, word } from "../city/texts";
import { type App, onView } from "./app";
import { codeLine } from "./card-code";
import { foreignCodes } from "./card-foreign";
import { cardHistory } from "./card-history";
import { cardSets } from "./card-sets";
import { button, el, replace } from "./dom";
import { LiveRows } from "./live-rows";
import { complain } from "./toast";

const GRID_SHOWN = 14;

/** The card of what is selected: names, place, path, properties, live values. */
export function mountCard(app: App): HTMLElement {
  const body = el("div", { class: "card-body" });
  const card = el("section", { class: "panel card", testid: "card" }, body);
  const live = new LiveRows(app.live);
  let asking = new AbortController();
  card.hidden = true;
  const hide = () => {
    card.hidden = true;
    app.told.set(null);
    live.clear();
  };
  const show = (refused = () => {}) => {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const code = app.view.value.selected;
    if (!code) return hide();
    fill(app, card, body, live, code, signal).catch((error) => {
      complain(error);
      if (!signal.aborted) refused();
    });
  };
  onView(
    app,
    (view) => `${view.lang}|${view.selected ?? ""}`,
    () => show(),
  );
  app.live.jumps.add(() => show(hide)); // not known then: what the card says is of another time
  return card;
}

async function fill(
  app: App,
  card: HTMLElement,
  body: HTMLElement,
  live: LiveRows,
  code: string,
  signal: AbortSignal,
): Promise<void> {
  const [told, thing] = await Promise.all([
    client.resolved(code, signal),
    client.object(code, signal),
  ]);
  if (signal.aborted) return;
  app.told.set(told);
  card.hidden = false;
  card.dataset.code = told.code;
  const properties = thing.properties ?? {};
  replace(
    body,
    head(app, told, properties),
    facts(told, properties),
    path(app, told),
    foreignCodes(app, told),
    cardHistory(told.code, signal),
    live.node,
    cardSets(text("properties"), properties.psets, true),
    cardSets(text("quantities"), properties.quantities, false),
  );
  card.scrollTop = 0;
  await live.show(told, signal);
}

function head(app: App, told: Resolved, properties: Record<string, unknown>): HTMLElement {
  const close = button({
    class: "icon",
    text: "×",
    title: () => text("close"),
    testid: "card-close",
    on: { click: () => void app.select(null) },
  });
  const fly = button({
    class: "small",
    text: () => text("flyThere"),
    on: { click: () => void app.select(told.code, true).catch(complain) },
  });
  const kind = String(properties.ifc_class ?? "");
  return el(
    "header",
    {},
    el(
      "div",
      { class: "row" },
      el("h2", { text: told.name || word(told.kind), testid: "card-name" }),
      close,
    ),
    el(
      "div",
      { class: "row wrap" },
      el("span", { class: "tag", text: word(told.kind), testid: "card-kind" }),
      kind ? el("span", { class: "tag plain", text: kind }) : null,
      el("span", { class: "spring" }),
      fly,
    ),
    codeLine(told.code),
    replaced(app, told),
  );
}

/** A code that left leads to what took its place. */
function replaced(app: App, told: Resolved): HTMLElement | null {
  const heirs = told.replaced_by ?? [];
  if (heirs.length === 0) return null;
  const links = heirs.map((code) =>
    button({
      class: "link",
      text: code,
      testid: "card-replaced",
      on: { click: () => void app.select(code, true).catch(complain) },
    }),
  );
  return el("p", { class: "warn replaced" }, `${text("replaced")} `, ...links);
}

function facts(told: Resolved, properties: CityObject["properties"] = {}): HTMLElement {
  const at = told.position;
  const rows: [string, string | null | undefined][] = [
    [text("address"), told.address],
    [
      text("position"),
      at
        ? `${at.lon.toFixed(6)}, ${at.lat.toFixed(6)}${at.height_m == null ? "" : ` · ${at.height_m.toFixed(1)} m`}`
        : null,
    ],
    [text("grid"), at?.grid2d?.slice(0, GRID_SHOWN)],
    [text("lifecycle"), told.lifecycle === "in_use" ? null : word(told.lifecycle)],
    [text("contains"), contained(told)],
    ...["tag", "type", "object_type", "predefined_type"].map((name): [string, string] => [
      word(name),
      String(properties[name] ?? ""),
    ]),
  ];
  const list = el("dl", { class: "facts", testid: "card-facts" });
  for (const [name, value] of rows) {
    if (value) list.append(el("dt", { text: name }), el("dd", { text: value }));
  }
  return list;
}

function contained(told: Resolved): string {
  const counts = Object.entries(told.children ?? {}).filter(([, n]) => n > 0);
  return counts.map(([kind, n]) => `${word(kind)} ${n}`).join(" · ");
}

/** The way up to what contains the thing; of a sensor, what it observes. */
function path(app: App, told: Resolved): HTMLElement | null {
  const above = told.parents.map((parent) => ({
    code: parent.code,
    label: parent.name || word(parent.kind),
    hint: `${word(parent.kind)} ${parent.code}`,
  }));
  const observed = [...new Set(told.sensors.map((row) => row.of ?? told.code))];
  const sensed = told.kind === "Sensor" ? observed.filter((code) => code !== told.code) : [];
  const links = [
    ...above,
    ...sensed.map((code) => ({ code, label: text("observes", { code }), hint: code })),
  ];
  if (links.length === 0) return null;
  const buttons = links.map((link) =>
    button({
      class: "link",
      text: link.label,
      title: link.hint,
      testid: "card-parent",
      on: { click: () => void app.select(link.code, true).catch(complain) },
    }),
  );
  return el("nav", { class: "path", title: text("path") }, ...buttons);
}

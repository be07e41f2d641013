import * as client from "../api/client";
import type { CityObject, Resolved } from "../api/wire";
import { isPart, rootOf } from "../city/codes";
import { text } from "../city/texts";
import { type App, onView } from "./app";
import { button, el, replace } from "./dom";
import { complain } from "./toast";

const STOREYS_MAX = 300;
const HOLDERS = new Set(["Building", "Facility"]);

/** The storeys of the selected building: choosing one draws only it. */
export function mountStoreys(app: App): HTMLElement {
  const list = el("div", { class: "storey-list" });
  const title = el("h3", { text: () => text("storeys") });
  const panel = el("section", { class: "panel storeys", testid: "storeys" }, title, list);
  panel.hidden = true;
  let shown: string | null = null;
  const follow = (root: string | null) => {
    if (root === shown) return;
    shown = root;
    void fill(app, panel, list, root, () => root === shown).catch((error) => {
      panel.hidden = true;
      complain(error);
    });
  };
  follow(app.view.value.building);
  app.told.listen((told) => follow(holderOf(told) ?? app.view.value.building));
  const readAgain = () => {
    shown = null;
    follow(holderOf(app.told.value) ?? app.view.value.building);
  };
  app.live.models.add(readAgain);
  app.live.jumps.add(readAgain);
  onView(
    app,
    (view) => view.storey,
    (storey) => mark(list, storey),
  );
  return panel;
}

function holderOf(told: Resolved | null): string | null {
  if (!told) return null;
  if (isPart(told.code)) return rootOf(told.code);
  return HOLDERS.has(told.kind) ? told.code : null;
}

async function fill(
  app: App,
  panel: HTMLElement,
  list: HTMLElement,
  root: string | null,
  still: () => boolean,
): Promise<void> {
  const found = root ? await client.children(root, "Storey", STOREYS_MAX) : [];
  if (!still()) return;
  panel.hidden = found.length === 0;
  if (!root) return;
  const all = button({
    class: "storey all",
    text: () => text("allStoreys"),
    testid: "storey-all",
    on: { click: () => app.update({ storey: null, building: null }) },
  });
  const rows = found.sort((a, b) => level(b) - level(a)).map((storey) => row(app, root, storey));
  replace(list, all, ...rows);
  mark(list, app.view.value.storey);
}

function row(app: App, root: string, storey: CityObject): HTMLElement {
  const elevation = level(storey);
  return button({
    class: "storey",
    text: storey.name || storey.code,
    title: Number.isFinite(elevation) ? `${elevation.toFixed(2)} m` : storey.code,
    testid: "storey",
    attrs: { "data-code": storey.code },
    on: {
      click: () => {
        const off = app.view.value.storey === storey.code;
        app.update(
          off ? { storey: null, building: null } : { storey: storey.code, building: root },
        );
      },
    },
  });
}

function level(storey: CityObject): number {
  const said = storey.properties?.elevation_m ?? storey.height_m;
  return typeof said === "number" ? said : Number.NEGATIVE_INFINITY;
}

function mark(list: HTMLElement, storey: string | null): void {
  for (const node of list.querySelectorAll<HTMLElement>(".storey")) {
    const own = node.dataset.code ?? null;
    node.classList.toggle("active", own === storey);
    node.setAttribute("aria-pressed", String(own === storey));
  }
}

import { spoken, text } from "../city/texts";
import type { Theme } from "../scene/stage";
import { type App, onView } from "./app";
import { button, el, toggle } from "./dom";

const THEME_KEY = "twin.theme";

/** The head of the page: product, city, and the buttons for theme, language, whole city, north. */
export function mountBar(
  app: App,
  search: HTMLElement,
  goHome: () => void,
  ...openers: HTMLElement[]
): HTMLElement {
  const city = el("span", { class: "city", text: () => app.city.name[spoken()] });
  const demo = app.city.demo ? el("span", { class: "tag", text: () => text("demo") }) : null;
  const lang = button({
    class: "icon text",
    testid: "lang",
    text: () => text("language"),
    title: () => text("languageHint"),
    on: { click: () => app.update({ lang: spoken() === "zh" ? "en" : "zh" }) },
  });
  const theme = button({
    class: "icon",
    testid: "theme",
    text: "◐",
    title: () => text("theme"),
    on: { click: () => setTheme(app, chosenTheme() === "dark" ? "light" : "dark") },
  });
  const home = button({
    class: "icon",
    testid: "home",
    text: "⌂",
    title: () => text("home"),
    on: { click: goHome },
  });
  const needle = el("span", { class: "needle", text: "▲" });
  const north = button({
    class: "icon",
    testid: "north",
    title: () => text("north"),
    on: { click: () => app.navigation.northUp() },
  });
  north.append(needle);
  app.navigation.moved.listen(() => {
    needle.style.transform = `rotate(${-app.navigation.heading_deg}deg)`;
  });
  setTheme(app, chosenTheme());
  const brand = el(
    "div",
    { class: "brand" },
    el("strong", { text: () => text("product") }),
    city,
    demo,
  );
  return el(
    "header",
    { class: "bar" },
    brand,
    search,
    el("div", { class: "tools" }, ...openers, home, north, theme, lang),
  );
}

/** Spaces, X-ray and labels. */
export function mountDisplay(app: App, chooser: HTMLElement): HTMLElement {
  const spaces = toggle(
    () => text("spaces"),
    "spaces",
    (on) => app.update({ spaces: on }),
  );
  const xray = toggle(
    () => text("xray"),
    "xray",
    (on) => app.update({ xray: on }),
  );
  const labels = toggle(
    () => text("labels"),
    "labels",
    (on) => {
      app.labels.visible = on;
    },
  );
  labels.box.checked = true;
  onView(
    app,
    (view) => view.spaces,
    (on) => {
      spaces.box.checked = on;
    },
  );
  onView(
    app,
    (view) => view.xray,
    (on) => {
      xray.box.checked = on;
    },
  );
  const title = el("h3", { text: () => text("display") });
  const toggles = el("div", { class: "toggles" }, spaces.node, xray.node, labels.node);
  return el("section", { class: "panel display" }, title, chooser, toggles);
}

function chosenTheme(): Theme {
  const kept = localStorage.getItem(THEME_KEY);
  if (kept === "light" || kept === "dark") return kept;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function setTheme(app: App, theme: Theme): void {
  localStorage.setItem(THEME_KEY, theme);
  document.documentElement.dataset.theme = theme;
  app.stage.setTheme(theme);
  app.ground.setTheme(theme);
}

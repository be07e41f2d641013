import { text } from "../city/texts";
import type { App } from "./app";
import { el } from "./dom";

const EVERY_MS = 500;
const WORDS = { open: "connected", connecting: "connecting", lost: "lost", past: "past" } as const;

/** The status bar: connection, numbers of what is drawn, and the point under the middle. */
export function mountStatus(app: App): HTMLElement {
  const dot = el("span", { class: "dot" });
  const connection = el("span", { testid: "connection" });
  const loading = el("span", { class: "loading" });
  const numbers = el("span", { testid: "status-numbers" });
  const position = el("span", { class: "mono" });
  const bar = el("footer", { class: "status" }, dot, connection, loading);
  bar.append(el("span", { class: "spring" }), position, numbers);
  const say = () => {
    const state = app.live.moment.value ? "past" : app.live.connection.value;
    dot.className = `dot ${state === "open" ? "good" : state === "lost" ? "bad" : "uncertain"}`;
    connection.textContent = text(WORDS[state]);
    connection.dataset.state = state;
    loading.textContent = app.models.failed.value
      ? text("tilesFailed")
      : app.models.loading.value
        ? text("loadingTiles")
        : "";
    const { render } = app.stage.renderer.info;
    numbers.textContent = [
      text("features", { n: app.models.visibleFeatures.toLocaleString() }),
      text("drawCalls", { n: render.calls }),
      text("triangles", { n: render.triangles.toLocaleString() }),
    ].join(" · ");
    const { x, y } = app.navigation.controls.target;
    const at = app.frame.geographic([x, y, 0]);
    position.textContent = `${at.lon.toFixed(5)}, ${at.lat.toFixed(5)}`;
  };
  setInterval(say, EVERY_MS);
  app.live.connection.listen(say);
  app.live.moment.listen(say);
  say();
  return bar;
}

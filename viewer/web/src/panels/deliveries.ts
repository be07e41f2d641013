import * as client from "../api/deliveries";
import { text } from "../city/texts";
import { button, el } from "./dom";
import { listEnd } from "./list-end";
import { complain } from "./toast";

const HASH_SHOWN = 12;

/** The delivered versions of a document, newest first; `show` is asked for one's findings. */
export function deliveriesList(
  model: string,
  show: (version: number) => Promise<void>,
): HTMLElement {
  const list = el("ol", { class: "deliveries" });
  const foot = el("div", {});
  const load = async (cursor: string | null) => {
    const page = await client.deliveries(model, cursor);
    list.append(...page.items.map((delivery) => row(delivery, show)));
    const { next } = page;
    listEnd(foot, null, next ? () => load(next) : null);
  };
  void load(null).catch(complain);
  return el(
    "section",
    { testid: "deliveries" },
    el("h3", { text: text("deliveries") }),
    list,
    foot,
  );
}

function row(delivery: client.Delivery, show: (version: number) => Promise<void>): HTMLElement {
  const { version, filename, sha256, delivered_at, findings, changes } = delivery;
  const at = new Date(delivered_at).toLocaleString(document.documentElement.lang);
  const look = button({
    class: "small",
    testid: "delivery-show",
    text: text("historyShow"),
    on: { click: () => void show(version).catch(complain) },
  });
  return el(
    "li",
    { testid: "delivery", attrs: { "data-version": String(version) } },
    el(
      "div",
      { class: "row" },
      el("strong", { text: text("versionOf", { n: version }) }),
      el("time", { class: "muted", text: at, title: delivered_at }),
      el("span", { class: "spring" }),
      look,
    ),
    el(
      "div",
      { class: "file" },
      el("span", { text: filename ?? "" }),
      el("code", { class: "muted", text: sha256.slice(0, HASH_SHOWN), title: sha256 }),
    ),
    el("div", { class: "muted", text: text("historyCounts", findings) }),
    el("div", {
      class: "muted",
      text: changes ? text("historyChanges", changes) : text("historyFirst"),
    }),
  );
}

import * as links from "../api/links";
import type { Resolved } from "../api/wire";
import { schemeName, text } from "../city/texts";
import type { App } from "./app";
import { button, el } from "./dom";
import { complain, explained } from "./toast";

type Alias = Resolved["aliases"][number];

/** Schemes of deliveries and bindings: they come and go with them, not by hand. */
const MANAGED = new Set(["device", "tag", "project", "document", "ifc_guid"]);

/** What else the thing is called, and the way to add a code or take one away. */
export function foreignCodes(app: App, told: Resolved): HTMLElement {
  const count = told.aliases.length;
  const title = count ? `${text("aliases")} · ${count}` : text("aliases");
  const list = el("dl", { class: "facts foreign" });
  for (const alias of told.aliases) list.append(...row(app, told.code, alias));
  return el(
    "details",
    { testid: "aliases" },
    el("summary", { text: title }),
    list,
    told.lifecycle === "gone" ? null : form(app, told.code),
  );
}

function row(app: App, code: string, alias: Alias): HTMLElement[] {
  const own = alias.scope === code; // a code that several things share is kept by thing
  const title = alias.scope && !own ? `${alias.scheme} @ ${alias.scope}` : alias.scheme;
  const value = el("dd", { testid: "alias", attrs: { "data-scheme": alias.scheme } });
  value.append(el("code", { text: alias.value }));
  if (!MANAGED.has(alias.scheme)) value.append(" ", unlinking(app, code, alias));
  return [el("dt", { text: schemeName(alias.scheme), title }), value];
}

/** Unlinking takes two clicks and a reason is asked for: it changes the city for everybody. */
function unlinking(app: App, code: string, alias: Alias): HTMLElement {
  const why = whyField("unlink-why");
  const node = button({ class: "small danger", text: () => text("unlink"), testid: "unlink" });
  const both = el("span", { class: "unlinking" }, node);
  node.addEventListener("click", () => {
    if (!why.isConnected) {
      both.prepend(why);
      node.textContent = text("unlinkSure");
      why.focus();
      return;
    }
    const said = { value: alias.value, scheme: alias.scheme, scope: alias.scope ?? "" };
    void changing(app, code, why, (reason) => links.unlink(code, { ...said, why: reason }));
  });
  return both;
}

function form(app: App, code: string): HTMLElement {
  const value = el("input", { placeholder: () => text("linkValue"), testid: "link-value" });
  const scheme = el("input", { placeholder: () => text("linkScheme"), testid: "link-scheme" });
  const why = whyField("link-why");
  const wrong = el("p", { class: "wrong-line", testid: "link-wrong" });
  wrong.hidden = true;
  const submit = button({ class: "small primary", text: () => text("linkCode"), testid: "link" });
  submit.addEventListener("click", () => {
    wrong.hidden = true;
    const said = { value: value.value.trim(), scheme: scheme.value.trim() };
    if (!said.value) return value.focus();
    void changing(
      app,
      code,
      why,
      (reason) => links.link(code, { ...said, why: reason }),
      (error) => {
        const { detail, title, hint } = explained(error);
        wrong.textContent = [detail || title, hint].filter(Boolean).join(" ");
        wrong.hidden = false;
      },
    );
  });
  return el("div", { class: "link-form" }, value, scheme, why, submit, wrong);
}

function whyField(testid: string): HTMLInputElement {
  return el("input", { placeholder: () => text("why"), testid, attrs: { maxlength: "1000" } });
}

/** Does it with the reason given and shows the thing again; without a reason it asks for one. */
async function changing(
  app: App,
  code: string,
  why: HTMLInputElement,
  change: (why: string) => Promise<unknown>,
  refused: (error: unknown) => void = complain,
): Promise<void> {
  const reason = why.value.trim();
  if (!reason) {
    why.placeholder = text("whyNeeded");
    return why.focus();
  }
  try {
    await change(reason);
  } catch (error) {
    return refused(error);
  }
  await app.select(null);
  await app.select(code);
}

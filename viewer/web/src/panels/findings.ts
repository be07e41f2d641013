import * as client from "../api/client";
import type { Finding } from "../api/wire";
import { spoken, text } from "../city/texts";
import type { App } from "./app";
import { button, el, save } from "./dom";
import { complain } from "./toast";

const SHOWN_MAX = 200;
const RANK = { error: 0, warning: 1, info: 2 };

/** What the checks found, the gravest first; a click flies to the element. */
export function findingsList(app: App, findings: Finding[], model?: string): HTMLElement {
  if (findings.length === 0) {
    return el("p", { class: "muted", testid: "no-findings", text: text("noFindings") });
  }
  const sorted = [...findings].sort((a, b) => RANK[a.severity] - RANK[b.severity]);
  const rows = sorted.slice(0, SHOWN_MAX).map((finding) => row(app, finding));
  const more = findings.length > SHOWN_MAX ? el("p", { text: `… ${findings.length}` }) : null;
  const title = `${text("findings")} · ${findings.length}`;
  const files = model ? downloads(model) : null;
  return el("section", { class: "findings" }, el("h3", { text: title }), files, ...rows, more);
}

/** The same findings for the firm's own tool, and to print. */
function downloads(model: string): HTMLElement {
  const kinds = [
    ["findingsBcf", "findings.bcf", `${model}.bcf`],
    ["findingsReport", "report", `${model}.html`],
  ] as const;
  const buttons = kinds.map(([label, kind, name]) =>
    button({
      class: "small",
      testid: kind,
      text: text(label),
      on: { click: () => void save(client.findingsFile(model, kind), name).catch(complain) },
    }),
  );
  return el("p", {}, ...buttons);
}

function row(app: App, finding: Finding): HTMLElement {
  const said = { text: inLanguage(finding.text), hint: inLanguage(finding.hint) };
  const target = finding.element ?? null;
  const place = [finding.guid, finding.step_id ? `#${finding.step_id}` : ""]
    .filter(Boolean)
    .join(" ");
  const node = button({
    class: `finding ${finding.severity}`,
    testid: "finding",
    title: finding.code,
    attrs: target ? { "data-code": target } : { disabled: "" },
    on: { click: () => void (target && app.select(target, true).catch(complain)) },
  });
  node.append(
    el("span", { class: "tag", text: text(finding.severity) }),
    el("span", { class: "what", text: said.text || finding.code }),
  );
  if (said.hint) node.append(el("span", { class: "muted", text: said.hint }));
  if (place) node.append(el("code", { text: place }));
  return node;
}

/** A finding's words, in both languages or already in ours. */
function inLanguage(words: Finding["text"]): string {
  if (typeof words !== "object") return words ?? "";
  return words[spoken()] ?? words[spoken() === "zh" ? "zh-CN" : "en"] ?? words.en ?? "";
}

import { text, unit } from "../city/texts";
import { el } from "./dom";

const SETS_OPEN = 1;

/** Property sets as foldable tables: {set: {name: value}} or {set: {name: {value, unit}}}. */
export function cardSets(title: string, sets: unknown, open: boolean): HTMLElement | null {
  const held = Object.entries((sets ?? {}) as Record<string, Record<string, unknown>>);
  if (held.length === 0) return null;
  const tables = held.map(([name, values], i) => {
    const list = el("dl", { class: "facts" });
    for (const [key, value] of Object.entries(values)) {
      list.append(el("dt", { text: key }), el("dd", { text: shown(value) }));
    }
    const folded = el("details", {}, el("summary", { text: name }), list);
    folded.open = open && i < SETS_OPEN;
    return folded;
  });
  return el("section", { class: "sets" }, el("h3", { text: title }), ...tables);
}

/** A value in words: numbers with 7 digits, measures with their unit. */
export function shown(value: unknown): string {
  if (value === true) return text("yes");
  if (value === false) return text("no");
  if (value === null || value === undefined) return "—";
  if (typeof value === "number") return String(Number(value.toPrecision(7)));
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.map(shown).join(", ");
  const measured = value as { value?: unknown; unit?: string };
  if ("value" in measured) return `${shown(measured.value)} ${unit(measured.unit ?? "")}`.trim();
  return JSON.stringify(value);
}

import type { Language } from "../api/session";

/** What the URL keeps, so that a link or a reload shows the same view. */
export interface ViewState {
  lang: Language;
  /** Camera position and target, local metres: x, y, z, x, y, z. */
  camera: number[] | null;
  selected: string | null;
  building: string | null;
  storey: string | null;
  colourBy: string | null;
  spaces: boolean;
  xray: boolean;
}

const LANGUAGE_KEY = "twin.language";
const CAMERA_NUMBERS = 6;

export function preferredLanguage(): Language {
  const kept = localStorage.getItem(LANGUAGE_KEY);
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function keepLanguage(language: Language): void {
  localStorage.setItem(LANGUAGE_KEY, language);
}

export function readHash(hash: string): ViewState {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const lang = query.get("lang");
  const camera = (query.get("cam") ?? "").split(",").map(Number);
  const whole = camera.length === CAMERA_NUMBERS && camera.every(Number.isFinite);
  return {
    lang: lang === "zh" || lang === "en" ? lang : preferredLanguage(),
    camera: whole ? camera : null,
    selected: query.get("sel"),
    building: query.get("in"),
    storey: query.get("storey"),
    colourBy: query.get("by"),
    spaces: query.get("spaces") === "1",
    xray: query.get("xray") === "1",
  };
}

export function writeHash(state: ViewState): string {
  const query = new URLSearchParams({ lang: state.lang });
  if (state.camera) query.set("cam", state.camera.map((n) => n.toFixed(1)).join(","));
  if (state.selected) query.set("sel", state.selected);
  if (state.storey && state.building) query.set("in", state.building);
  if (state.storey) query.set("storey", state.storey);
  if (state.colourBy) query.set("by", state.colourBy);
  if (state.spaces) query.set("spaces", "1");
  if (state.xray) query.set("xray", "1");
  return `#${query.toString().replaceAll("%2C", ",")}`;
}

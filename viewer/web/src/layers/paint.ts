import type { Value } from "../api/wire";
import { rootOf } from "../city/codes";
import type { Ramp, Rgb } from "../city/ramp";
import { COVERED, type FeatureTable, HIDDEN, PLAIN } from "./feature-table";

/** What is to be seen: the reasons by which each feature gets its texel. */
export interface Paint {
  selected: string | null;
  /** A storey of one building: of that building only this storey is drawn. */
  filter: { building: string; storey: string } | null;
  spaces: boolean;
  values: Map<string, Value>;
  ramp: Ramp | null;
  /** Colours of single things, whatever their values: what a panel points at. */
  marks: Map<string, Rgb>;
}

const ACCENT: Rgb = [11, 108, 240];
const SELECTED_PART = 235;
const SELECTED_WHOLE = 64;
const NEUTRAL: Rgb = [196, 202, 208];
const UNCOLOURED = 150;
const SPACE_COLOUR: Rgb = [126, 178, 230];
const SPACE_ALPHA = 120;

type Texel = [r: number, g: number, b: number, a: number];

/** Writes the texels of one model. */
export function paintTable(table: FeatureTable, paint: Paint): void {
  for (let id = 0; id < table.count; id++) table.paint(id, ...texelOf(table, id, paint));
  table.upload();
}

function texelOf(table: FeatureTable, id: number, paint: Paint): Texel {
  const code = table.columns.code[id] ?? "";
  const storey = table.columns.storey[id] ?? "";
  const isSpace = table.columns.kind[id] === "Space";
  const colour = colourOf(code, storey, isSpace, paint);
  if (hidden(code, storey, isSpace, colour !== null, paint)) return [0, 0, 0, HIDDEN];
  const chosen = paint.selected;
  if (chosen === code) return [...ACCENT, SELECTED_PART];
  const mark = paint.marks.get(code);
  if (mark) return [...mark, COVERED];
  if (colour) return [...colour, COVERED];
  if (chosen && !isSpace && (chosen === storey || chosen === rootOf(code))) {
    return [...ACCENT, SELECTED_WHOLE];
  }
  if (isSpace) return [...SPACE_COLOUR, SPACE_ALPHA];
  if (paint.ramp) return [...NEUTRAL, UNCOLOURED];
  return [0, 0, 0, PLAIN];
}

function hidden(
  code: string,
  storey: string,
  isSpace: boolean,
  coloured: boolean,
  paint: Paint,
): boolean {
  const root = rootOf(code);
  const filter = paint.filter;
  if (filter && root === filter.building && storey !== filter.storey && code !== filter.storey) {
    return true;
  }
  return isSpace && !paint.spaces && !coloured && paint.selected !== code;
}

/** A feature's own value colours it, else its storey's or its building's; a space only its own. */
function colourOf(code: string, storey: string, isSpace: boolean, paint: Paint): Rgb | null {
  if (!paint.ramp) return null;
  for (const holder of isSpace ? [code] : [code, storey, rootOf(code)]) {
    const value = holder ? paint.values.get(holder) : undefined;
    if (value !== undefined) return paint.ramp.colour(value);
  }
  return null;
}

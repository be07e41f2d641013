import type { StateRow, Value } from "../api/wire";

export type Rgb = [r: number, g: number, b: number];

/** How one property's values become colours; `entries` is what the legend shows. */
export interface Ramp {
  entries: { label: string; colour: Rgb }[];
  continuous: boolean;
  unit: string;
  low: number;
  high: number;
  colour: (value: Value) => Rgb | null;
}

// Blue to red over yellow: readable for most colour-blind people (after ColorBrewer RdYlBu).
const STOPS: Rgb[] = [
  [49, 84, 190],
  [70, 168, 212],
  [140, 208, 165],
  [252, 214, 100],
  [244, 135, 60],
  [208, 38, 38],
];
const WORDS: Rgb[] = [
  [39, 135, 222],
  [240, 120, 50],
  [70, 175, 95],
  [170, 95, 200],
  [225, 190, 60],
  [120, 130, 140],
];
const FREE: Rgb = [52, 168, 83];
const TAKEN: Rgb = [217, 48, 37];
const TICKS = 5;

export function ramp(rows: Iterable<StateRow>): Ramp {
  const held = [...rows].filter((row) => row.value !== null);
  const unit = held.find((row) => row.unit)?.unit ?? "";
  const numbers = held.map((row) => row.value).filter((v): v is number => typeof v === "number");
  if (numbers.length > 0 && numbers.length >= held.length / 2) return scale(numbers, unit);
  return words(held.map((row) => row.value));
}

function scale(numbers: number[], unit: string): Ramp {
  let low = numbers.reduce((a, b) => Math.min(a, b));
  let high = numbers.reduce((a, b) => Math.max(a, b));
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const at = (n: number) => blend((n - low) / (high - low));
  const ticks = Array.from({ length: TICKS }, (_, i) => low + ((high - low) * i) / (TICKS - 1));
  return {
    entries: ticks.map((n) => ({ label: shortNumber(n), colour: at(n) })),
    continuous: true,
    unit,
    low,
    high,
    colour: (value) => (typeof value === "number" ? at(value) : null),
  };
}

function words(values: Value[]): Ramp {
  const kinds = [...new Set(values.map(String))].sort().slice(0, WORDS.length);
  const colours = new Map(kinds.map((kind, i) => [kind, wordColour(kind, i)] as const));
  return {
    entries: [...colours].map(([label, colour]) => ({ label, colour })),
    continuous: false,
    unit: "",
    low: 0,
    high: 0,
    colour: (value) => (value === null ? null : (colours.get(String(value)) ?? null)),
  };
}

function wordColour(word: string, index: number): Rgb {
  if (word === "true") return TAKEN;
  if (word === "false") return FREE;
  return WORDS[index % WORDS.length] ?? FREE;
}

function blend(fraction: number): Rgb {
  const at = Math.min(Math.max(fraction, 0), 1) * (STOPS.length - 1);
  const from = STOPS[Math.floor(at)] ?? FREE;
  const to = STOPS[Math.ceil(at)] ?? from;
  const part = at - Math.floor(at);
  const mix = (i: 0 | 1 | 2) => Math.round(from[i] + (to[i] - from[i]) * part);
  return [mix(0), mix(1), mix(2)];
}

export function shortNumber(n: number): string {
  const digits = Math.abs(n) >= 100 ? 0 : Math.abs(n) >= 10 ? 1 : 2;
  return String(Number(n.toFixed(digits)));
}

export const css = (colour: Rgb) => `rgb(${colour.join(" ")})`;

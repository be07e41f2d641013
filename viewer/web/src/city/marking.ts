import type { Recognition, WrongPlace } from "../api/wire";

/** A run of a code: as it should be, or wrong, with what is expected in its place. */
export interface Run {
  text: string;
  problem?: WrongPlace;
}

const MISSING = "␣"; // stands where characters are missing at the end

/** Cuts a code into what is right and what is wrong; of places that overlap the first counts. */
export function runs(read: Recognition, typed: string): Run[] {
  const shown = shownForm(read, typed);
  const placed = read.problems.filter((problem) => problem.position !== null);
  const found: Run[] = [];
  let at = 0;
  for (const problem of placed.sort((a, b) => start(a) - start(b))) {
    const from = start(problem);
    if (from < at) continue;
    if (from > at && at < shown.length) found.push({ text: shown.slice(at, from) });
    const text = shown.slice(from, from + width(problem, shown)) || MISSING;
    found.push({ text, problem });
    at = from + text.length;
  }
  if (at < shown.length) found.push({ text: shown.slice(at) });
  return found;
}

/** The canonical form, unless only the text as typed has at the wrong places what was found there. */
function shownForm(read: Recognition, typed: string): string {
  const fits = (form: string) =>
    read.problems.every(
      (problem) =>
        problem.position === null ||
        isLength(problem) ||
        form.startsWith(problem.found, start(problem)),
    );
  return !fits(read.canonical) && fits(typed.trim()) ? typed.trim() : read.canonical;
}

const start = (problem: WrongPlace) => Math.max(0, (problem.position ?? 1) - 1);

/** A wrong length is wrong to the end, and its `found` is a count. */
const isLength = (problem: WrongPlace) => problem.code === "scheme_length";

function width(problem: WrongPlace, shown: string): number {
  if (isLength(problem)) return shown.length;
  return shown.startsWith(problem.found, start(problem)) ? Math.max(1, problem.found.length) : 1;
}

import type { Sample } from "../api/wire";
import { text } from "../city/texts";

const WIDTH = 280;
const HEIGHT = 34;
const SVG = "http://www.w3.org/2000/svg";

/** A small curve of the last day; null when there are fewer than two numbers. */
export function sparkline(samples: Sample[]): SVGSVGElement | null {
  const points = samples
    .filter((s): s is Sample & { value: number } => typeof s.value === "number")
    .map((s) => [Date.parse(s.observed_at), s.value] as const);
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last || points.length < 2) return null;
  const values = points.map(([, value]) => value);
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const time = last[0] - first[0] || 1;
  const line = points
    .map(([at, value]) => {
      const x = ((at - first[0]) / time) * WIDTH;
      const y = HEIGHT - 3 - ((value - low) / span) * (HEIGHT - 6);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
  return draw(line);
}

function draw(line: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.classList.add("sparkline");
  const title = document.createElementNS(SVG, "title");
  title.textContent = text("historyTitle");
  const path = document.createElementNS(SVG, "polyline");
  path.setAttribute("points", line);
  svg.append(title, path);
  return svg;
}

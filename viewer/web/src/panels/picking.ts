import type { Stage } from "../scene/stage";

const STILL_PX = 5;

type Take = (x: number, y: number) => void;

/** Calls `pick` for clicks that are no drags; what captures clicks takes them instead. */
export function listenForPicks(stage: Stage, pick: Take): (take: Take | null) => void {
  let from: [number, number] | null = null;
  let captured: Take | null = null;
  stage.canvas.addEventListener("pointerdown", (event) => {
    from = event.button === 0 ? [event.clientX, event.clientY] : null;
  });
  stage.canvas.addEventListener("pointerup", (event) => {
    if (!from || event.button !== 0) return;
    const moved = Math.hypot(event.clientX - from[0], event.clientY - from[1]);
    from = null;
    if (moved <= STILL_PX) (captured ?? pick)(event.clientX, event.clientY);
  });
  return (take) => {
    captured = take;
  };
}

import { text } from "../city/texts";
import { button, el, replace } from "./dom";
import { complain } from "./toast";

/** The end of a list that comes in pages: what is said of an empty one, and the way to more. */
export function listEnd(
  foot: HTMLElement,
  empty: string | null,
  more: (() => Promise<void>) | null,
): void {
  const next = more && {
    class: "small",
    text: text("more"),
    on: { click: () => void more().catch(complain) },
  };
  replace(
    foot,
    empty === null ? null : el("p", { class: "muted", text: empty }),
    next ? button(next) : null,
  );
}

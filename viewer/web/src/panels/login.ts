import { text } from "../city/texts";
import { button, el } from "./dom";

/** Asks for the bearer token; null when the person closes the dialog. */
export function askToken(): Promise<string | null> {
  const input = el("input", {
    testid: "token",
    attrs: { type: "password", autocomplete: "off", required: "" },
  });
  const form = el(
    "form",
    { attrs: { method: "dialog" } },
    el("h2", { text: text("tokenTitle") }),
    el("p", { class: "muted", text: text("tokenHint") }),
    input,
    el(
      "div",
      { class: "row" },
      button({ text: text("cancel") }),
      el("button", { class: "primary", text: text("tokenOk") }),
    ),
  );
  const dialog = el("dialog", { testid: "login" }, form);
  form.querySelector("button")?.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    form.addEventListener("submit", () => resolve(input.value.trim() || null));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(null);
    });
  });
}

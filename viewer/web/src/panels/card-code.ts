import * as client from "../api/client";
import { text } from "../city/texts";
import { button, el } from "./dom";
import { complain } from "./toast";

const COPIED_MS = 1_200;
const URN = "urn:uic:cn:";

/** The code with its copy and QR buttons, its urn below, and the QR when asked for. */
export function codeLine(code: string): HTMLElement {
  const place = el("div", { class: "qr", testid: "qr-place" });
  place.hidden = true;
  const qr = button({
    class: "small",
    text: "QR",
    title: () => text("qr"),
    testid: "qr",
    attrs: { "aria-expanded": "false" },
    on: { click: () => void toggleQr(code, place, qr).catch(complain) },
  });
  const own = el("code", { text: code, testid: "card-code" });
  const urn = el("code", { class: "urn", text: `${URN}${code}`, testid: "urn" });
  return el(
    "div",
    { class: "codes" },
    el("div", { class: "code-line" }, own, el("span", { class: "spring" }), copying(code), qr),
    urn,
    place,
  );
}

function copying(code: string): HTMLElement {
  const copy = button({ class: "small", text: () => text("copy"), testid: "card-copy" });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code);
    copy.textContent = text("copied");
    setTimeout(() => {
      copy.textContent = text("copy");
    }, COPIED_MS);
  });
  return copy;
}

/** Fetched with the caller's token, so it is an image of its own address in the page. */
async function toggleQr(code: string, place: HTMLElement, by: HTMLElement): Promise<void> {
  if (place.childElementCount === 0) {
    const url = URL.createObjectURL(await client.qr(code));
    const image = el("img", { testid: "qr-image", attrs: { alt: `QR ${URN}${code}` } });
    image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
    image.src = url;
    place.append(image);
  } else {
    place.hidden = !place.hidden;
    by.setAttribute("aria-expanded", String(!place.hidden));
    return;
  }
  place.hidden = false;
  by.setAttribute("aria-expanded", "true");
}

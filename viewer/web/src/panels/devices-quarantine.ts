import type { Kept } from "../api/devices";
import * as client from "../api/devices";
import { age, spoken, text } from "../city/texts";
import type { App } from "./app";
import { button, el, replace } from "./dom";
import { listEnd } from "./list-end";
import { complain, tell } from "./toast";

const SAMPLE_CHARS = 400;
const NEEDS_BINDING = new Set(["device_unknown", "device_unbound", "property_not_bound"]);

/** Messages that could not be applied: a sample, why, and the ways out. */
export class QuarantineList {
  readonly node = el("div", {});
  private readonly rows = el("div", {});
  private readonly foot = el("div", { class: "row" });
  private asked = 0; // pages asked for: only the last one's answer is shown

  constructor(
    private readonly app: App,
    private readonly tryMapping: (row: Kept) => void,
  ) {
    this.node.append(this.rows, this.foot);
  }

  async show(): Promise<void> {
    replace(this.rows);
    await this.page(null);
  }

  private async page(cursor: string | null): Promise<void> {
    const mine = ++this.asked;
    const found = await client.quarantine(cursor);
    if (mine !== this.asked) return;
    this.rows.append(...found.items.map((row) => this.row(row)));
    const empty = this.rows.childElementCount === 0 ? text("quarantineNone") : null;
    const { next } = found;
    listEnd(this.foot, empty, next ? () => this.page(next) : null);
  }

  private row(row: Kept): HTMLElement {
    const said = `${text("messages", { n: row.count, kept: row.kept })} · ${age(row.received_at, Date.now())}`;
    return el(
      "div",
      { class: "device-card", testid: "quarantined", attrs: { "data-device": row.device } },
      el(
        "div",
        { class: "row" },
        el("strong", { text: row.device || row.topic }),
        el("span", { class: "muted", text: said }),
      ),
      el("p", { class: "warn", text: row.text[spoken()] }),
      row.device ? el("code", { text: row.topic }) : null,
      el("pre", { class: "sample", text: row.payload.slice(0, SAMPLE_CHARS) }),
      this.waysOut(row),
    );
  }

  private waysOut(row: Kept): HTMLElement {
    const ways: HTMLElement[] = [];
    if (row.device && NEEDS_BINDING.has(row.reason)) ways.push(this.bindForm(row));
    else if (row.device) ways.push(this.againButton(row));
    else {
      const made = button({
        class: "small",
        testid: "quarantine-map",
        text: text("tryMapping"),
        on: { click: () => this.tryMapping(row) },
      });
      ways.push(made);
    }
    return el("div", { class: "row wrap" }, ...ways, this.discardButton(row));
  }

  /** One click binds to what is selected and replays all that was kept. */
  private bindForm(row: Kept): HTMLElement {
    const code = el("input", {
      class: "mono",
      testid: "adopt-code",
      placeholder: () => text("adoptTarget"),
      attrs: { value: this.app.view.value.selected ?? "" },
    });
    const levels = row.topic.split("/");
    const known = levels[0] === "city" && levels.length === 4 ? (levels[3] ?? "") : "";
    const property = el("input", {
      testid: "adopt-property",
      placeholder: () => text("adoptProperty"),
      attrs: { value: known },
    });
    const unit = el("input", { placeholder: () => text("adoptUnit"), class: "short" });
    const adopt = button({
      class: "primary small",
      testid: "adopt",
      text: text("adopt"),
      on: {
        click: () => {
          const said = { code: code.value.trim(), property: property.value.trim() };
          void this.bind(row, { ...said, unit: unit.value.trim() }).catch(complain);
        },
      },
    });
    return el("div", { class: "row wrap" }, code, property, unit, adopt);
  }

  private async bind(row: Kept, said: Record<string, string>): Promise<void> {
    const bound = await client.bind({ device: row.device, tenant: row.tenant, ...said });
    tell(text("confirmed", { device: row.device, n: bound.adopted }));
    await this.show();
  }

  private againButton(row: Kept): HTMLElement {
    return button({
      class: "small",
      text: text("again"),
      on: {
        click: () =>
          void client
            .adopt(row)
            .then(({ adopted }) => {
              tell(text("replayed", { n: adopted }));
              return this.show();
            })
            .catch(complain),
      },
    });
  }

  private discardButton(row: Kept): HTMLElement {
    const made = button({ class: "small danger", text: text("discard"), testid: "discard" });
    let sure = false;
    made.addEventListener("click", () => {
      if (!sure) {
        sure = true;
        made.textContent = text("discardSure");
        return;
      }
      client
        .discard(row.id)
        .then(() => this.show())
        .catch(complain);
    });
    return made;
  }
}

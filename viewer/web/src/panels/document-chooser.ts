import * as client from "../api/client";
import type { Model } from "../api/wire";
import { text } from "../city/texts";
import { el, replace } from "./dom";

const LISTED_MAX = 1_000; // the API's own upper limit of one page

/** The documents that were delivered: choosing one shows it. */
export class DocumentChooser {
  readonly node = el("select", {
    class: "chooser",
    testid: "delivered",
    on: { change: () => this.node.value && this.choose(this.node.value) },
  });

  constructor(private readonly choose: (id: string) => void) {
    this.node.hidden = true;
  }

  /** Reads the list anew; `chosen` is shown as the one that is looked at. */
  async load(chosen = this.node.value): Promise<void> {
    const models = await client.models(LISTED_MAX);
    const names = models.sort((a, b) =>
      a.name.localeCompare(b.name, document.documentElement.lang),
    );
    const hint = el("option", { text: () => text("delivered"), attrs: { value: "" } });
    replace(this.node, hint, ...names.map(option));
    this.node.value = chosen;
    this.node.hidden = models.length === 0;
  }
}

function option(model: Model): HTMLElement {
  const { name, version } = model;
  const say = () =>
    model.withdrawn
      ? text("deliveredGone", { name })
      : text("deliveredOne", { name, version: version ?? "" });
  return el("option", { text: say, attrs: { value: model.id } });
}

import * as client from "../api/client";
import { waiting } from "../api/deliveries";
import type { Model } from "../api/wire";
import { text } from "../city/texts";
import { nameOf } from "./delivered";
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
    const [models, held] = await Promise.all([client.models(LISTED_MAX), listHeld()]);
    const known = new Set(held.map(({ id }) => id));
    const names = [...held, ...models.filter(({ id }) => !known.has(id))].sort((a, b) =>
      a.name.localeCompare(b.name, document.documentElement.lang),
    );
    const hint = el("option", { text: () => text("delivered"), attrs: { value: "" } });
    replace(this.node, hint, ...names.map(option));
    this.node.value = chosen;
    this.node.hidden = names.length === 0;
  }
}

/** What waits to be accepted: a first version is not among the city's models yet. */
async function listHeld(): Promise<Model[]> {
  return Promise.all((await waiting()).map((id) => client.model(id)));
}

function option(model: Model): HTMLElement {
  return el("option", { text: () => nameOf(model), attrs: { value: model.id } });
}

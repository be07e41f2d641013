import type { Tried } from "../api/devices";
import * as client from "../api/devices";
import { type TextKey, text, word } from "../city/texts";
import { valueText } from "./devices-list";
import { button, el, replace } from "./dom";
import { complain, tell } from "./toast";

const BEGIN = {
  device: "topic[1]",
  time: "$.t",
  values: [{ property: "=temperature", value: "$.v", unit: "=Cel" }],
};

/** A mapping tried on a sample before it is kept. */
export class MappingTrial {
  private readonly topic = el("input", { class: "mono", testid: "map-topic" });
  private readonly filter = el("input", { class: "mono", testid: "map-filter" });
  private readonly sample = el("textarea", {
    class: "mono",
    testid: "map-sample",
    attrs: { rows: "7" },
  });
  private readonly mapping = el("textarea", {
    class: "mono",
    testid: "map-mapping",
    attrs: { rows: "11", spellcheck: "false" },
  });
  private readonly outcome = el("div", { class: "outcome", testid: "map-outcome" });
  private readonly known = el("div", {});
  readonly node: HTMLElement;

  constructor() {
    this.mapping.value = JSON.stringify(BEGIN, null, 2);
    const act = (key: TextKey, testid: string, run: () => Promise<void>) =>
      button({
        class: "small",
        testid,
        text: () => text(key),
        on: { click: () => void run().catch(complain) },
      });
    this.node = el(
      "div",
      { class: "mapping" },
      field("mapTopic", this.topic),
      field("mapSample", this.sample),
      field("mapMapping", this.mapping),
      el(
        "div",
        { class: "row" },
        act("mapTry", "map-try", () => this.attempt()),
      ),
      this.outcome,
      field("mapFilter", this.filter),
      el(
        "div",
        { class: "row" },
        act("mapKeep", "map-keep", () => this.keep()),
      ),
      this.known,
    );
  }

  begin(topic: string, payload: string): void {
    this.topic.value = topic;
    this.filter.value = topic;
    this.sample.value = payload;
    replace(this.outcome);
  }

  async show(): Promise<void> {
    const held = await client.mappings();
    const rows = held.items.map(({ filter, mapping }) => this.row(filter, mapping));
    const list = held.built_in.map(({ filter }) => filter).join(" · ");
    replace(
      this.known,
      rows.length ? el("h3", { text: text("mapKnown") }) : null,
      ...rows,
      el("p", { class: "muted", text: text("mapBuiltIn", { list }) }),
    );
  }

  private row(filter: string, mapping: unknown): HTMLElement {
    const load = button({
      class: "link mono",
      text: filter,
      on: {
        click: () => {
          this.filter.value = filter;
          this.mapping.value = JSON.stringify(mapping, null, 2);
        },
      },
    });
    const gone = button({
      class: "small danger",
      text: text("mapRemove"),
      on: { click: () => void this.remove(filter).catch(complain) },
    });
    return el(
      "div",
      { class: "row", testid: "map-known" },
      load,
      el("span", { class: "spring" }),
      gone,
    );
  }

  private async attempt(): Promise<void> {
    const tried = await client.tryMapping(this.topic.value, this.sample.value, this.written());
    const none = el("p", { class: "muted", text: text("mapNothing") });
    replace(this.outcome, ...(tried.length ? tried.map(result) : [none]));
  }

  private async keep(): Promise<void> {
    const { adopted } = await client.keepMapping(this.filter.value.trim(), this.written());
    tell(text("mapKept", { n: adopted }));
    await this.show();
  }

  private async remove(filter: string): Promise<void> {
    await client.removeMapping(filter);
    tell(text("mapRemoved"));
    await this.show();
  }

  private written(): unknown {
    try {
      return JSON.parse(this.mapping.value);
    } catch (error) {
      throw new Error(text("notJson", { why: String(error) }));
    }
  }
}

function result(tried: Tried): HTMLElement {
  const { reading, refused } = tried;
  const said = `${tried.device} · ${word(tried.property)} = ${valueText(tried)}`;
  const kept = reading
    ? text("wouldBe", { value: valueText(reading), quality: word(reading.quality) })
    : "";
  return el(
    "div",
    { class: "live-row", testid: "map-result" },
    el("span", { class: `dot ${reading?.quality ?? "bad"}` }),
    el("span", { text: said }),
    el("span", { class: refused ? "warn" : "muted", text: refused?.message ?? kept }),
  );
}

function field(key: TextKey, input: HTMLElement): HTMLElement {
  return el(
    "label",
    { class: "field" },
    el("span", { class: "muted", text: () => text(key) }),
    input,
  );
}

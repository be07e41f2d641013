import { type TextKey, text } from "../city/texts";
import { type App, onView } from "./app";
import { DeviceList } from "./devices-list";
import { MappingTrial } from "./devices-mapping";
import { ProposedList } from "./devices-proposed";
import { QuarantineList } from "./devices-quarantine";
import { button, el, replace } from "./dom";
import { complain } from "./toast";
import "./devices.css";

/** One page of the panel; `show` reads it anew. */
export interface Tab {
  node: HTMLElement;
  show: () => Promise<void>;
}

const NAMES = ["devices", "proposed", "quarantine", "mapping"] as const;
type Name = (typeof NAMES)[number];
const TITLES: Record<Name, TextKey> = {
  devices: "tabDevices",
  proposed: "tabProposed",
  quarantine: "tabQuarantine",
  mapping: "tabMapping",
};

/** The register of devices, what waits for a person, what could not be applied, and mappings. */
export class DevicesPanel {
  readonly node: HTMLElement;
  readonly opener = button({
    class: "icon text",
    testid: "devices-open",
    text: () => text("devices"),
    title: () => text("devicesHint"),
    on: { click: () => this.toggle() },
  });
  private readonly body = el("div", { class: "devices-body" });
  private readonly buttons = new Map<Name, HTMLButtonElement>();
  private readonly tabs: Record<Name, Tab>;
  private shown: Name = "devices";

  constructor(app: App) {
    const mapping = new MappingTrial();
    this.tabs = {
      devices: new DeviceList(app),
      proposed: new ProposedList(app),
      quarantine: new QuarantineList(app, (row) => {
        mapping.begin(row.topic, row.payload);
        this.open("mapping");
      }),
      mapping,
    };
    this.node = el(
      "section",
      { class: "panel devices", testid: "devices" },
      this.head(),
      this.body,
    );
    this.node.hidden = true;
    onView(
      app,
      (view) => view.lang,
      () => this.node.hidden || this.open(this.shown),
    );
  }

  private head(): HTMLElement {
    const tabs = NAMES.map((name) => {
      const made = button({
        class: "tab",
        testid: `devices-tab-${name}`,
        text: () => text(TITLES[name]),
        on: { click: () => this.open(name) },
      });
      this.buttons.set(name, made);
      return made;
    });
    const close = button({
      class: "icon",
      text: "×",
      title: () => text("close"),
      testid: "devices-close",
      on: { click: () => this.toggle() },
    });
    return el("div", { class: "row" }, ...tabs, el("span", { class: "spring" }), close);
  }

  private toggle(): void {
    this.node.hidden = !this.node.hidden;
    if (!this.node.hidden) this.open(this.shown);
  }

  private open(name: Name): void {
    this.shown = name;
    for (const [known, made] of this.buttons) made.classList.toggle("on", known === name);
    const tab = this.tabs[name];
    replace(this.body, tab.node);
    tab.show().catch(complain);
  }
}

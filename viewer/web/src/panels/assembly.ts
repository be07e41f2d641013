import * as client from "../api/client";
import type { App } from "./app";
import { mountBar, mountDisplay } from "./bar";
import { mountCard } from "./card";
import { mountColour } from "./colour";
import { DevicesPanel } from "./devices";
import { el } from "./dom";
import { mountImport } from "./import-codes";
import { labelsOf } from "./name-labels";
import { Recognised } from "./recognised";
import { mountSearch } from "./search";
import { mountStatus } from "./status";
import { mountStoreys } from "./storeys";
import { mountTime } from "./time";
import { complain } from "./toast";
import { mountUpload } from "./upload";

const LABELS_MAX = 200;
const LABELLED = ["Building", "Facility"];

/** Puts all panels on the page. */
export function mountPanels(app: App, root: HTMLElement, goHome: () => void): void {
  const colour = mountColour(app);
  const left = el("aside", { class: "left" });
  left.append(
    mountDisplay(app, colour.chooser),
    mountStoreys(app),
    mountUpload(app),
    mountImport(app),
  );
  const recognised = new Recognised(app);
  const right = el("aside", { class: "right" }, recognised.node, mountCard(app));
  const middle = el("div", { class: "middle" }, colour.legend, mountTime(app));
  const devices = new DevicesPanel(app);
  root.append(
    mountBar(app, mountSearch(app, recognised), goHome, devices.opener),
    left,
    middle,
    right,
    mountStatus(app),
    devices.node,
  );
  const label = () => void nameBuildings(app).catch(complain);
  app.models.changed.listen(label);
}

async function nameBuildings(app: App): Promise<void> {
  const boxes = app.models.rootBoxes();
  if (boxes.size === 0) return app.labels.show([]);
  const things = await client.objects(LABELLED, LABELS_MAX);
  app.labels.show(labelsOf(things, boxes));
}

import type { City, Resolved } from "../api/wire";
import type { Frame } from "../city/frame";
import type { Live } from "../city/live";
import type { Signal } from "../city/signal";
import type { ViewState } from "../city/view-state";
import type { Ground } from "../layers/ground";
import type { Labels } from "../layers/labels";
import type { Marker } from "../layers/marker";
import type { Models } from "../layers/models";
import type { Placing } from "../layers/placing";
import type { Navigation } from "../scene/navigation";
import type { Stage } from "../scene/stage";

/** What every panel works with. */
export interface App {
  city: City;
  frame: Frame;
  stage: Stage;
  navigation: Navigation;
  models: Models;
  ground: Ground;
  labels: Labels;
  marker: Marker;
  placing: Placing;
  live: Live;
  view: Signal<ViewState>;
  /** What the API says of the selected thing; the card fetches it, others read it. */
  told: Signal<Resolved | null>;
  /** Changes a part of the view; panels and the URL follow. */
  update: (part: Partial<ViewState>) => void;
  /** Selects a thing and, if asked, flies to it. */
  select: (code: string | null, fly?: boolean) => Promise<void>;
  /** Takes the next click on the ground instead of picking; null gives picking back. */
  captureClick: (take: ((x: number, y: number) => void) | null) => void;
}

/** Calls `react` now and whenever the picked part of the view changes. */
export function onView<T>(app: App, pick: (view: ViewState) => T, react: (part: T) => void): void {
  let last = pick(app.view.value);
  react(last);
  app.view.listen((view) => {
    const part = pick(view);
    if (part === last) return;
    last = part;
    react(part);
  });
}

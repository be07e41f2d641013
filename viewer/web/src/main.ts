import { Box3, Vector3 } from "three";
import * as client from "./api/client";
import { send } from "./api/http";
import { setAskToken, setLanguage } from "./api/session";
import type { City, Model } from "./api/wire";
import { isPart } from "./city/codes";
import { Frame } from "./city/frame";
import { Live } from "./city/live";
import { Signal } from "./city/signal";
import { speak } from "./city/texts";
import { keepLanguage, readHash, type ViewState, writeHash } from "./city/view-state";
import { Ground, type GroundFeature } from "./layers/ground";
import { Labels } from "./layers/labels";
import { Marker } from "./layers/marker";
import { Models } from "./layers/models";
import { Placing } from "./layers/placing";
import type { App } from "./panels/app";
import { onView } from "./panels/app";
import { mountPanels } from "./panels/assembly";
import { respeak } from "./panels/dom";
import { askToken } from "./panels/login";
import { listenForPicks } from "./panels/picking";
import { Selecting } from "./panels/selecting";
import { complain, mountToasts } from "./panels/toast";
import { Navigation } from "./scene/navigation";
import { Stage } from "./scene/stage";
import { exposeForTests } from "./test-hooks";
import "./style.css";

const MODELS_ASKED = 200;
const HASH_WAIT_MS = 300;
const CITY_SPAN_DEG = 1.5; // a city whose models lie wider apart has one that is misplaced
const HOME_FACTOR = 0.84; // a city is flat: its bounding sphere is mostly sky
const CITY_HALF_M = 350; // what an empty city shows around its home

begin().catch(complain);

async function begin(): Promise<void> {
  const view = new Signal<ViewState>(readHash(window.location.hash));
  changeLanguage(view.value.lang);
  setAskToken(askToken);
  mountToasts(document.body);
  const city = await client.city();
  const [models, ground] = await Promise.all([client.models(MODELS_ASKED), groundOf(city)]);
  const app = assemble(city, view, new Frame(home(city, models)), ground);
  const goHome = () => flyHome(app, false);
  mountPanels(app, document.getElementById("panels") as HTMLElement, goHome);
  bindView(app);
  beginView(app);
  exposeForTests(app);
  app.stage.start();
}

function assemble(city: City, view: Signal<ViewState>, frame: Frame, ground: GroundFeature[]): App {
  const stage = new Stage(document.getElementById("view") as HTMLCanvasElement);
  const models = new Models(city.tiles, frame);
  const parts = {
    city,
    view,
    frame,
    stage,
    models,
    navigation: new Navigation(stage),
    ground: new Ground(frame, ground),
    labels: new Labels(),
    marker: new Marker(),
    placing: new Placing(),
    live: new Live(),
    told: new Signal<App["told"]["value"]>(null),
  };
  const update = (part: Partial<ViewState>) => view.set({ ...view.value, ...part });
  const selecting = new Selecting({ ...parts, update });
  const captureClick = listenForPicks(stage, (x, y) => selecting.pick(x, y));
  const layers = [parts.ground, parts.models, parts.labels, parts.marker, parts.placing];
  for (const layer of layers) layer.init(stage);
  const select: App["select"] = (code, fly) => selecting.select(code, fly);
  return { ...parts, update, select, captureClick };
}

/** What the view says is what is drawn; a move of the city's head loads its models again. */
function bindView(app: App): void {
  const { models, live } = app;
  const outline = () => {
    const { selected } = app.view.value;
    app.marker.show(selected && isPart(selected) ? models.boxOf(selected) : null);
  };
  models.changed.listen(outline);
  onView(app, (view) => view.lang, changeLanguage);
  onView(
    app,
    (view) => `${view.selected}|${view.storey}|${view.spaces}`,
    () => {
      const { selected, storey, building, spaces } = app.view.value;
      models.paint.selected = selected;
      models.paint.filter = storey && building ? { storey, building } : null;
      models.paint.spaces = spaces;
      models.repaint();
      outline();
    },
  );
  onView(
    app,
    (view) => view.xray,
    (on) => {
      models.setXray(on);
      app.ground.setXray(on);
    },
  );
  live.models.add(() => void models.reload());
  live.jumps.add(() => void models.travel().catch(complain));
  live.followProperty(app.view.value.colourBy);
  keepHash(app);
}

function changeLanguage(lang: ViewState["lang"]): void {
  setLanguage(lang);
  speak(lang);
  keepLanguage(lang);
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  respeak(document);
}

/** The URL follows the view; a pasted or edited URL changes the view. */
function keepHash(app: App): void {
  let timer = 0;
  let written = window.location.hash;
  const write = () => {
    written = writeHash({ ...app.view.value, camera: app.navigation.numbers });
    history.replaceState(null, "", written);
  };
  const soon = () => {
    clearTimeout(timer);
    timer = window.setTimeout(write, HASH_WAIT_MS);
  };
  app.view.listen(soon);
  app.navigation.moved.listen(soon);
  window.addEventListener("hashchange", () => {
    if (window.location.hash === written) return;
    const view = readHash(window.location.hash);
    app.view.set(view);
    if (view.camera) app.navigation.jump(view.camera);
  });
}

/** Camera of the URL, else the selection, else the whole city as soon as it is loaded. */
function beginView(app: App): void {
  const { camera, selected } = app.view.value;
  flyHome(app, true);
  if (camera) {
    app.navigation.jump(camera);
    return;
  }
  const stop = app.models.changed.listen(() => {
    if (app.models.loading.value) return;
    stop();
    if (selected) void app.select(selected, true).catch(complain);
    else flyHome(app, true);
  });
}

function flyHome(app: App, immediately: boolean): void {
  const box = new Box3();
  for (const own of app.models.rootBoxes().values()) {
    const far = own.getCenter(new Vector3()).length() > app.frame.cityRadius_m;
    if (!far) box.union(own);
  }
  if (box.isEmpty()) {
    const [west, south, east, north] = app.city.bounds;
    box.expandByPoint(new Vector3(...app.frame.onGround(west, south)));
    box.expandByPoint(new Vector3(...app.frame.onGround(east, north)));
    const half = box.getSize(new Vector3()).length() / 2;
    if (half > app.frame.cityRadius_m || half < 1) {
      box.setFromCenterAndSize(new Vector3(), new Vector3(CITY_HALF_M, CITY_HALF_M, 1));
    }
  }
  app.navigation.flyTo(box, immediately, HOME_FACTOR);
}

/**
 * Where the local frame stands. The ground lies at the height most models give their zero level (the
 * API says no ground height); one model on another continent does not move the city's middle.
 */
function home(city: City, models: Model[]): City["home"] {
  const places = models.flatMap(({ placement, withdrawn }) =>
    placement && !withdrawn && typeof placement.lon === "number" ? [placement] : [],
  );
  const [west, south, east, north] = city.bounds;
  const wide = east - west > CITY_SPAN_DEG || north - south > CITY_SPAN_DEG;
  const { lon, lat } = city.home;
  return {
    lon: wide
      ? median(
          places.map((place) => place.lon ?? lon),
          lon,
        )
      : lon,
    lat: wide
      ? median(
          places.map((place) => place.lat ?? lat),
          lat,
        )
      : lat,
    height_m: median(
      places.map((place) => place.height_m ?? 0),
      0,
    ),
  };
}

function median(numbers: number[], otherwise: number): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? otherwise;
}

async function groundOf(city: City): Promise<GroundFeature[]> {
  if (!city.ground) return [];
  const response = await send(city.ground);
  if (!response.ok) return []; // a city without drawn ground is still a city
  return ((await response.json()) as { features: GroundFeature[] }).features;
}

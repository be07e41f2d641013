import { Box3, Vector3 } from "three";
import * as client from "../api/client";
import type { CityObject } from "../api/wire";
import { rootOf } from "../city/codes";
import type { App } from "./app";

const POINT_RADIUS_M = 12;

type Parts = Pick<App, "models" | "navigation" | "frame" | "view" | "update">;

/** Choosing a thing: by a click in the view, or by its code from anywhere. */
export class Selecting {
  constructor(private readonly app: Parts) {}

  pick(x: number, y: number): void {
    const hit = this.app.models.pick(x, y);
    this.app.update({ selected: hit?.code ?? null });
  }

  async select(code: string | null, fly = false): Promise<void> {
    this.app.update({ selected: code });
    if (!code || !fly) return;
    this.uncover(code);
    const box = this.app.models.boxOf(code) ?? (await this.placeOf(code));
    if (box) this.app.navigation.flyTo(box);
  }

  /** What is flown to must be seen: of its building only its storey is drawn, as if lifted open. */
  private uncover(code: string): void {
    const storey = this.app.models.storeyOf(code);
    const building = rootOf(code);
    if (storey) this.app.update({ storey, building });
    else if (this.app.view.value.building === building) {
      this.app.update({ storey: null, building: null });
    }
  }

  /** Things that are not drawn: their box or point, else that of what contains them. */
  private async placeOf(code: string): Promise<Box3 | null> {
    const thing = await client.object(code);
    const own = this.boxOfThing(thing);
    if (own) return own;
    const told = await client.resolved(code);
    // A sensor without a place of its own is where it observes.
    const holder = told.sensors[0]?.of ?? told.parents.at(-1)?.code;
    const inside = holder ? this.app.models.boxOf(holder) : null;
    if (inside && holder) this.uncover(holder);
    if (inside) return inside;
    return told.position ? this.around(told.position) : null;
  }

  private boxOfThing(thing: CityObject): Box3 | null {
    const height = thing.height_m ?? this.app.frame.home.height_m;
    if (thing.bbox) {
      const [west, south, east, north] = thing.bbox;
      const box = new Box3();
      box.expandByPoint(new Vector3(...this.app.frame.local(west, south, height)));
      return box.expandByPoint(new Vector3(...this.app.frame.local(east, north, height)));
    }
    if (thing.lon == null || thing.lat == null) return null;
    return this.around({ lon: thing.lon, lat: thing.lat, height_m: height });
  }

  private around(at: { lon: number; lat: number; height_m: number | null }): Box3 {
    const height = at.height_m ?? this.app.frame.home.height_m;
    const point = new Vector3(...this.app.frame.local(at.lon, at.lat, height));
    const size = new Vector3(POINT_RADIUS_M, POINT_RADIUS_M, POINT_RADIUS_M);
    return new Box3().setFromCenterAndSize(point, size);
  }
}

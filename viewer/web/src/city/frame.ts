/** Local east-north-up frame around the city's home: small numbers, so nothing jitters. */
export type Point = [x: number, y: number, z: number];

const A_M = 6_378_137; // CGCS2000 ellipsoid, GB 22021
const F = 1 / 298.257222101;
const E2 = F * (2 - F);
const RAD = Math.PI / 180;
const STEPS = 6; // of the inverse; converges to 1e-12 rad near the ground in four

/** Metres from Earth's centre; degrees in. */
export function ecef(lon: number, lat: number, height_m: number): Point {
  const sin = Math.sin(lat * RAD);
  const cos = Math.cos(lat * RAD);
  const n = A_M / Math.sqrt(1 - E2 * sin * sin);
  return [
    (n + height_m) * cos * Math.cos(lon * RAD),
    (n + height_m) * cos * Math.sin(lon * RAD),
    (n * (1 - E2) + height_m) * sin,
  ];
}

export interface Geographic {
  lon: number;
  lat: number;
  height_m: number;
}

export class Frame {
  /** What lies farther from home is not in this city. */
  readonly cityRadius_m = 80_000;
  private readonly centre: Point;
  private readonly axes: [Point, Point, Point]; // east, north, up in ECEF

  constructor(readonly home: Geographic) {
    this.centre = ecef(home.lon, home.lat, home.height_m);
    const [sl, cl] = [Math.sin(home.lon * RAD), Math.cos(home.lon * RAD)];
    const [sp, cp] = [Math.sin(home.lat * RAD), Math.cos(home.lat * RAD)];
    this.axes = [
      [-sl, cl, 0],
      [-sp * cl, -sp * sl, cp],
      [cp * cl, cp * sl, sp],
    ];
  }

  /** Column-major 4x4 matrix ECEF → local. */
  matrix(): number[] {
    const [e, n, u] = this.axes;
    const back = this.rotate([-this.centre[0], -this.centre[1], -this.centre[2]]);
    return [e[0], n[0], u[0], 0, e[1], n[1], u[1], 0, e[2], n[2], u[2], 0, ...back, 1];
  }

  local(lon: number, lat: number, height_m: number): Point {
    const p = ecef(lon, lat, height_m);
    return this.rotate([p[0] - this.centre[0], p[1] - this.centre[1], p[2] - this.centre[2]]);
  }

  /** Draped on the local plane: the city's ground is drawn flat at home height. */
  onGround(lon: number, lat: number): Point {
    const p = this.local(lon, lat, this.home.height_m);
    return [p[0], p[1], 0];
  }

  geographic([x, y, z]: Point): Geographic {
    const [e, n, u] = this.axes;
    const px = this.centre[0] + e[0] * x + n[0] * y + u[0] * z;
    const py = this.centre[1] + e[1] * x + n[1] * y + u[1] * z;
    const pz = this.centre[2] + e[2] * x + n[2] * y + u[2] * z;
    const r = Math.hypot(px, py);
    let lat = Math.atan2(pz, r * (1 - E2));
    let height = 0;
    for (let step = 0; step < STEPS; step++) {
      const radius = A_M / Math.sqrt(1 - E2 * Math.sin(lat) ** 2);
      height = r / Math.cos(lat) - radius;
      lat = Math.atan2(pz, r * (1 - (E2 * radius) / (radius + height)));
    }
    return { lon: Math.atan2(py, px) / RAD, lat: lat / RAD, height_m: height };
  }

  private rotate(v: Point): Point {
    const dot = (a: Point) => a[0] * v[0] + a[1] * v[1] + a[2] * v[2];
    return [dot(this.axes[0]), dot(this.axes[1]), dot(this.axes[2])];
  }
}

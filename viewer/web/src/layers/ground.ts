import {
  BufferAttribute,
  BufferGeometry,
  CircleGeometry,
  Group,
  LessDepth,
  LessEqualDepth,
  Mesh,
  MeshBasicMaterial,
  Shape,
  ShapeGeometry,
  Vector2,
  Vector3,
} from "three";
import { mergeGeometries } from "three/addons/utils/BufferGeometryUtils.js";
import type { Frame } from "../city/frame";
import type { Layer } from "../scene/layer";
import type { Stage, Theme } from "../scene/stage";

type Position = [lon: number, lat: number];

export interface GroundFeature {
  properties: { class: string; name?: string; width_m?: number };
  geometry: { type: string; coordinates: unknown };
}

const RADIUS_M = 20_000;
const ROAD_WIDTH_M = 12;
const LIFT_M = 0.012; // per class, against equal depths; polygonOffset does the rest far away
const CLASSES = ["green", "water", "square", "road"] as const;
type Class = (typeof CLASSES)[number];
const COLOURS: Record<Theme, Record<Class | "ground", string>> = {
  light: {
    ground: "#dfe3e0",
    green: "#b4d3a0",
    water: "#8fc1e3",
    square: "#d9d0c0",
    road: "#f7f8f9",
  },
  dark: {
    ground: "#2a3540",
    green: "#35513c",
    water: "#1e4666",
    square: "#453f38",
    road: "#4b5968",
  },
};
const XRAY_OPACITY = 0.35;

/** The ground plane with the streets, waters, greens and squares the city draws on it. */
export class Ground implements Layer {
  readonly name = "ground";
  private readonly group = new Group();
  private readonly materials = new Map<Class | "ground", MeshBasicMaterial>();

  constructor(
    private readonly frame: Frame,
    private readonly features: GroundFeature[],
  ) {}

  init(stage: Stage): void {
    [...(["ground"] as const), ...CLASSES].forEach((name, order) => {
      this.materials.set(name, groundMaterial(order));
    });
    const disc = new Mesh(new CircleGeometry(RADIUS_M, 64), this.materials.get("ground"));
    disc.renderOrder = -50;
    this.group.add(disc);
    for (const [order, name] of CLASSES.entries()) this.addClass(name, order + 1);
    this.setTheme("light");
    stage.scene.add(this.group);
    stage.invalidate();
  }

  dispose(): void {
    this.group.removeFromParent();
    this.group.traverse((node) => {
      if (node instanceof Mesh) node.geometry.dispose();
    });
    for (const material of this.materials.values()) material.dispose();
  }

  setTheme(theme: Theme): void {
    for (const [name, material] of this.materials) material.color.set(COLOURS[theme][name]);
  }

  setXray(on: boolean): void {
    for (const material of this.materials.values()) {
      material.transparent = on;
      material.opacity = on ? XRAY_OPACITY : 1;
      material.depthFunc = on ? LessDepth : LessEqualDepth; // pieces that overlap blend only once
      material.needsUpdate = true;
    }
  }

  /** All areas or streets of one class become one mesh: one draw call. */
  private addClass(name: Class, order: number): void {
    const features = this.features.filter((feature) => feature.properties.class === name);
    const pieces = features.flatMap((feature) => this.geometries(feature)).map(onlyPositions);
    if (pieces.length === 0) return;
    const mesh = new Mesh(mergeGeometries(pieces), this.materials.get(name));
    mesh.position.z = LIFT_M * order;
    mesh.renderOrder = -50 + order;
    this.group.add(mesh);
  }

  private geometries(feature: GroundFeature): BufferGeometry[] {
    const { type, coordinates } = feature.geometry;
    const width = feature.properties.width_m ?? ROAD_WIDTH_M;
    if (type === "LineString") return [this.ribbon(coordinates as Position[], width)];
    if (type === "MultiLineString") {
      return (coordinates as Position[][]).map((line) => this.ribbon(line, width));
    }
    if (type === "Polygon") return [this.area(coordinates as Position[][])];
    if (type === "MultiPolygon") return (coordinates as Position[][][]).map((p) => this.area(p));
    return [];
  }

  private area(rings: Position[][]): BufferGeometry {
    const [outer = [], ...holes] = rings.map((ring) => this.flat(ring));
    const shape = new Shape(outer);
    shape.holes = holes.map((hole) => new Shape(hole));
    return new ShapeGeometry(shape);
  }

  private flat(line: Position[]): Vector2[] {
    return line.map(([lon, lat]) => {
      const [x, y] = this.frame.onGround(lon, lat);
      return new Vector2(x, y);
    });
  }

  /** A line as wide as the street: a quad for each piece and a disc at each bend. */
  private ribbon(line: Position[], width_m: number): BufferGeometry {
    const points = this.flat(line);
    const corners: Vector3[] = [];
    const half = width_m / 2;
    for (const [i, to] of points.slice(1).entries()) {
      corners.push(...quad(points[i] as Vector2, to, half));
    }
    for (const bend of points.slice(1, -1)) corners.push(...disc(bend, half));
    const geometry = new BufferGeometry().setFromPoints(corners);
    geometry.setIndex(new BufferAttribute(Uint32Array.from(corners.keys()), 1));
    return geometry;
  }
}

function onlyPositions(geometry: BufferGeometry): BufferGeometry {
  for (const name of Object.keys(geometry.attributes)) {
    if (name !== "position") geometry.deleteAttribute(name);
  }
  return geometry;
}

function groundMaterial(order: number): MeshBasicMaterial {
  return new MeshBasicMaterial({
    polygonOffset: true,
    polygonOffsetFactor: 4 - order,
    polygonOffsetUnits: 8 - 2 * order,
  });
}

function quad(from: Vector2, to: Vector2, half: number): Vector3[] {
  const along = to.clone().sub(from).normalize();
  const side = new Vector2(-along.y, along.x).multiplyScalar(half);
  const at = (p: Vector2, sign: number) => new Vector3(p.x + side.x * sign, p.y + side.y * sign, 0);
  const [a, b, c, d] = [at(from, 1), at(from, -1), at(to, -1), at(to, 1)];
  return [a, b, c, a, c, d] as Vector3[];
}

const DISC_SIDES = 16;

function disc(centre: Vector2, radius: number): Vector3[] {
  const rim = (i: number) => {
    const angle = (i / DISC_SIDES) * 2 * Math.PI;
    return new Vector3(centre.x + Math.cos(angle) * radius, centre.y + Math.sin(angle) * radius, 0);
  };
  const middle = new Vector3(centre.x, centre.y, 0);
  return Array.from({ length: DISC_SIDES }, (_, i) => [middle, rim(i), rim(i + 1)]).flat();
}

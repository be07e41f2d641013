import { TilesRenderer } from "3d-tiles-renderer/three";
import {
  Box3,
  type BufferAttribute,
  Group,
  Matrix4,
  Mesh,
  type Object3D,
  PerspectiveCamera,
  Vector3,
} from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import * as client from "../api/client";
import { asOf, atMoment } from "../api/moment";
import { headers } from "../api/session";
import type { Frame } from "../city/frame";
import { Signal } from "../city/signal";
import type { Layer } from "../scene/layer";
import type { Stage } from "../scene/stage";
import { featureMaterial, look } from "./feature-material";
import { type FeatureTable, featureTablePlugin } from "./feature-table";
import { type Paint, paintTable } from "./paint";
import { type TileJson, tilesetBoxes } from "./tileset-boxes";

const ERROR_TARGET_PX = 3;
const OVERVIEW_HEIGHT_M = 900; // with the angle: what lies within 900 m of home
const OVERVIEW_FOV_DEG = 90;
const OVERVIEW_PX = 1_000;
const GHOST_OPACITY = 0.13;

export interface Hit {
  code: string;
  point: Vector3;
}

interface Loaded {
  table: FeatureTable;
  scene: Object3D;
}

/** The city's models: 3D Tiles, each feature paintable, replaced whole when the city changes. */
export class Models implements Layer {
  readonly name = "models";
  readonly loading = new Signal(true);
  readonly failed = new Signal<string | null>(null);
  /** Grows whenever a model came or went. */
  readonly changed = new Signal(0);
  readonly paint: Paint = {
    selected: null,
    filter: null,
    spaces: false,
    values: new Map(),
    ramp: null,
    marks: new Map(),
  };
  private readonly holder = new Group();
  private stage: Stage | null = null;
  private waiting: (() => void)[] = [];
  private current: TilesRenderer | null = null;
  private coming: TilesRenderer | null = null;
  /** The moment of the newest tileset that was opened. */
  private openedAt: string | null = null;
  private readonly loaded = new Map<TilesRenderer, Map<Object3D, Loaded>>();

  private readonly toLocal: Matrix4;
  private readonly overview = overviewCamera();

  constructor(
    private readonly url: string,
    frame: Frame,
  ) {
    this.toLocal = new Matrix4().fromArray(frame.matrix());
  }

  init(stage: Stage): void {
    this.stage = stage;
    stage.scene.add(this.holder);
    stage.ticks.add(this.tick);
    void this.reload();
  }

  dispose(): void {
    this.stage?.ticks.delete(this.tick);
    for (const tiles of [this.current, this.coming]) if (tiles) this.drop(tiles);
    this.holder.removeFromParent();
  }

  /** Loads the tileset again; the old one stays in view until the new one is whole, then resolves. */
  reload(): Promise<void> {
    if (this.coming) this.drop(this.coming);
    this.coming = this.open();
    this.loading.set(true);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Loads the tileset of the moment the page shows, unless it is the one that is drawn. */
  async travel(): Promise<void> {
    const [before, at] = [this.openedAt, asOf()];
    const read = (moment: string | null) => client.tileset(this.url, moment);
    const [drawn, wanted] = await Promise.all([read(before), read(at)]);
    if (at !== asOf()) return; // went elsewhere meanwhile: that journey draws
    if (drawn !== wanted) await this.reload();
  }

  /** Paints every loaded model anew. */
  repaint(): void {
    for (const { table } of this.tables()) paintTable(table, this.paint);
    this.stage?.invalidate();
  }

  setXray(on: boolean): void {
    look.ghost.value = on ? GHOST_OPACITY : 1;
    for (const models of this.loaded.values()) {
      for (const { scene } of models.values()) ghost(scene, on);
    }
    this.stage?.invalidate();
  }

  get visibleFeatures(): number {
    return this.tables().reduce((sum, { table }) => sum + table.visibleCount(), 0);
  }

  get features(): number {
    return this.tables().reduce((sum, { table }) => sum + table.count, 0);
  }

  /** What the pointer meets first among visible features. */
  pick(x: number, y: number): Hit | null {
    if (!this.stage || !this.current) return null;
    const ray = this.stage.ray(x, y);
    for (const hit of ray.intersectObject(this.current.group, true)) {
      const table = hit.object.userData.table as FeatureTable | undefined;
      const ids = (hit.object as Mesh).geometry.getAttribute("_feature_id_0");
      if (!table || !hit.face || !ids) continue;
      const id = Math.round(ids.getX(hit.face.a));
      const code = table.columns.code[id];
      if (code && table.visible(id)) return { code, point: hit.point };
    }
    return null;
  }

  /** The kind of a code that is drawn: Element, Space …; null when no model holds it. */
  kindOf(code: string): string | null {
    for (const { table } of this.tables()) {
      const id = table.index.get(code);
      if (id !== undefined) return table.columns.kind[id] ?? null;
    }
    return null;
  }

  /** The storey of a part that is drawn (a storey's is itself); null for anything else. */
  storeyOf(code: string): string | null {
    for (const { table } of this.tables()) {
      const id = table.index.get(code);
      if (id !== undefined) return table.columns.storey[id] || null;
      if (table.columns.storey.includes(code)) return code;
    }
    return null;
  }

  /** The box of a feature, or of all features of a storey or root; null when none is loaded. */
  boxOf(code: string): Box3 | null {
    const whole = this.rootBoxes().get(code);
    if (whole) return whole;
    const box = new Box3();
    for (const { table, scene } of this.tables()) {
      const wanted = wantedIds(table, code);
      if (wanted.size === 0) continue;
      scene.traverse((node) => {
        if (node instanceof Mesh) growBox(box, node, wanted, this.place(node, scene));
      });
    }
    return box.isEmpty() ? null : box;
  }

  /** The box of each root (building, facility, site) in the local frame, loaded or not. */
  rootBoxes(): Map<string, Box3> {
    const root = this.current?.root as TileJson | null | undefined;
    return root ? tilesetBoxes(root, this.toLocal) : new Map();
  }

  private tables(): Loaded[] {
    return this.current ? [...(this.loaded.get(this.current)?.values() ?? [])] : [];
  }

  private readonly tick = (): boolean => {
    if (!this.stage) return false;
    for (const tiles of [this.current, this.coming]) {
      if (!tiles) continue;
      this.stage.camera.updateMatrixWorld();
      tiles.setResolutionFromRenderer(this.stage.camera, this.stage.renderer);
      tiles.update();
    }
    return false;
  };

  private open(): TilesRenderer {
    const stage = this.stage as Stage;
    // TilesRenderer needs an absolute URL; the generation of the reload keeps caches honest.
    this.openedAt = asOf();
    const tiles = new TilesRenderer(new URL(atMoment(this.url), window.location.href).href);
    tiles.fetchOptions = { headers: headers() };
    tiles.errorTarget = ERROR_TARGET_PX;
    tiles.manager.addHandler(/\.(gltf|glb)$/, new GLTFLoader().register(featureTablePlugin));
    tiles.group.matrixAutoUpdate = false;
    tiles.group.matrix.copy(this.toLocal);
    tiles.group.matrixWorldNeedsUpdate = true;
    tiles.group.visible = this.current === null;
    tiles.autoDisableRendererCulling = false; // two cameras choose what is loaded, one draws
    tiles.setCamera(stage.camera);
    tiles.setCamera(this.overview);
    tiles.setResolution(this.overview, OVERVIEW_PX, OVERVIEW_PX);
    this.loaded.set(tiles, new Map());
    this.holder.add(tiles.group);
    tiles.addEventListener("load-model", ({ scene }) => this.came(tiles, scene));
    tiles.addEventListener("dispose-model", ({ scene }) => this.went(tiles, scene));
    tiles.addEventListener("needs-update", () => stage.invalidate());
    tiles.addEventListener("load-error", ({ error }) => this.failed.set(String(error)));
    tiles.addEventListener("tiles-load-end", () => this.whole(tiles));
    tiles.addEventListener("load-root-tileset", () => {
      if (!tiles.root?.children?.length) this.whole(tiles); // an empty city never ends loading
    });
    return tiles;
  }

  private whole(tiles: TilesRenderer): void {
    if (tiles === this.coming) {
      if (this.current) this.drop(this.current);
      this.current = tiles;
      this.coming = null;
      tiles.group.visible = true;
      for (const resolve of this.waiting.splice(0)) resolve();
    }
    this.loading.set(false);
    this.changed.set(this.changed.value + 1);
    this.stage?.invalidate();
  }

  private came(tiles: TilesRenderer, scene: Object3D): void {
    const table = scene.userData.features as FeatureTable | undefined;
    if (!table) return;
    const xray = look.ghost.value < 1;
    scene.traverse((node) => {
      if (node instanceof Mesh) dress(node, table);
    });
    ghost(scene, xray);
    paintTable(table, this.paint);
    this.loaded.get(tiles)?.set(scene, { table, scene });
    if (tiles === this.current) this.changed.set(this.changed.value + 1);
    this.stage?.invalidate();
  }

  /** From a mesh to the local frame. A tile out of view has no parent, so the chain ends at its scene. */
  private place(node: Object3D, scene: Object3D): Matrix4 {
    const matrix = new Matrix4();
    for (let at: Object3D | null = node; at; at = at === scene ? null : at.parent) {
      if (at.matrixAutoUpdate) at.updateMatrix();
      matrix.premultiply(at.matrix);
    }
    return matrix.premultiply(this.toLocal);
  }

  private went(tiles: TilesRenderer, scene: Object3D): void {
    const models = this.loaded.get(tiles);
    models?.get(scene)?.table.dispose();
    models?.delete(scene);
    this.stage?.invalidate();
  }

  private drop(tiles: TilesRenderer): void {
    tiles.group.removeFromParent();
    tiles.dispose();
    this.loaded.delete(tiles);
    if (tiles === this.coming) this.coming = null;
    if (tiles === this.current) this.current = null;
  }
}

/** Looks down on the middle of the city, so that it is loaded whichever way the eye turns. */
function overviewCamera(): PerspectiveCamera {
  const camera = new PerspectiveCamera(OVERVIEW_FOV_DEG, 1, 1, 2 * OVERVIEW_HEIGHT_M);
  camera.position.set(0, 0, OVERVIEW_HEIGHT_M);
  camera.updateMatrixWorld();
  return camera;
}

/** Gives a mesh its paintable material, keeping whether it was see-through. */
function dress(mesh: Mesh, table: FeatureTable): void {
  const was = Array.isArray(mesh.material) ? mesh.material[0] : mesh.material;
  const space = isSpaces(mesh);
  const transparent = Boolean(was?.transparent) && !space;
  was?.dispose();
  mesh.material = featureMaterial(table.texture, transparent);
  mesh.renderOrder = space ? 1 : transparent ? 2 : 0;
  mesh.userData.table = table;
  mesh.userData.transparent = transparent;
  mesh.userData.space = space;
}

function ghost(scene: Object3D, on: boolean): void {
  scene.traverse((node) => {
    if (!(node instanceof Mesh) || node.userData.space || Array.isArray(node.material)) return;
    const transparent = on || Boolean(node.userData.transparent);
    node.material.transparent = transparent;
    node.material.depthWrite = !transparent;
    node.renderOrder = transparent ? 2 : 0;
    node.material.needsUpdate = true;
  });
}

function isSpaces(node: Object3D): boolean {
  for (let at: Object3D | null = node; at; at = at.parent) if (at.name === "spaces") return true;
  return false;
}

function wantedIds(table: FeatureTable, code: string): Set<number> {
  const own = table.index.get(code);
  const wanted = new Set<number>(own === undefined ? [] : [own]);
  if (wanted.size) return wanted;
  table.columns.storey.forEach((storey, id) => {
    if (storey === code) wanted.add(id);
  });
  return wanted;
}

function growBox(box: Box3, mesh: Mesh, wanted: Set<number>, place: Matrix4): void {
  const ids = mesh.geometry.getAttribute("_feature_id_0") as BufferAttribute | undefined;
  const positions = mesh.geometry.getAttribute("position");
  if (!ids || !positions) return;
  const point = new Vector3();
  for (let i = 0; i < ids.count; i++) {
    if (!wanted.has(Math.round(ids.getX(i)))) continue;
    box.expandByPoint(point.fromBufferAttribute(positions, i).applyMatrix4(place));
  }
}

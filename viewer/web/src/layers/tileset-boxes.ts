import { Box3, Matrix4, Vector3 } from "three";

/** The part of a 3D Tiles 1.1 tile that is read here; `extras` as our API writes them. */
export interface TileJson {
  transform?: number[];
  boundingVolume?: { box?: number[] };
  extras?: { root?: string; document?: string };
  children?: TileJson[];
}

const CORNERS = [-1, 1].flatMap((x) => [-1, 1].flatMap((y) => [-1, 1].map((z) => [x, y, z])));

/** The box of each root (building, facility, site) in the local frame, loaded or not. */
export function tilesetBoxes(tile: TileJson, toLocal: Matrix4): Map<string, Box3> {
  const boxes = new Map<string, Box3>();
  collect(tile, toLocal, boxes);
  return boxes;
}

function collect(tile: TileJson, above: Matrix4, boxes: Map<string, Box3>): void {
  const matrix = above.clone();
  if (tile.transform) matrix.multiply(new Matrix4().fromArray(tile.transform));
  const volume = tile.boundingVolume?.box;
  const root = tile.extras?.root;
  if (volume && root && tile.extras?.document !== undefined) {
    boxes.set(root, (boxes.get(root) ?? new Box3()).union(boxOf(volume, matrix)));
  }
  for (const child of tile.children ?? []) collect(child, matrix, boxes);
}

/** Centre and three half axes (3D Tiles 1.1 §7.3.1.1) as an axis-aligned box after `matrix`. */
function boxOf(volume: number[], matrix: Matrix4): Box3 {
  const at = (i: number) => new Vector3().fromArray(volume, i);
  const box = new Box3();
  for (const [x = 0, y = 0, z = 0] of CORNERS) {
    const corner = at(0).addScaledVector(at(3), x).addScaledVector(at(6), y);
    box.expandByPoint(corner.addScaledVector(at(9), z).applyMatrix4(matrix));
  }
  return box;
}

import { type Box3, Vector3 } from "three";
import type { CityObject } from "../api/wire";

const ABOVE_M = 4;

/** A name over each named thing that is drawn. */
export function labelsOf(
  things: CityObject[],
  boxes: Map<string, Box3>,
): { text: string; point: Vector3 }[] {
  return things.flatMap((thing) => {
    const box = boxes.get(thing.code);
    if (!box || box.isEmpty() || !thing.name) return [];
    const point = box.getCenter(new Vector3()).setZ(box.max.z + ABOVE_M);
    return [{ text: thing.name, point }];
  });
}

import {
  BoxGeometry,
  ConeGeometry,
  EdgesGeometry,
  Group,
  LineBasicMaterial,
  LineSegments,
  Mesh,
  MeshBasicMaterial,
  Plane,
  Vector3,
} from "three";
import type { Layer } from "../scene/layer";
import type { Stage } from "../scene/stage";

const ACCENT = "#ff7a1a";
const SIZE_M: [number, number, number] = [24, 16, 12];

/** The ghost that shows where a model without position will stand: origin, and its x axis. */
export class Placing implements Layer {
  readonly name = "placing";
  private readonly group = new Group();
  private stage: Stage | null = null;

  init(stage: Stage): void {
    this.stage = stage;
    const box = new BoxGeometry(...SIZE_M).translate(0, 0, SIZE_M[2] / 2);
    const faces = new MeshBasicMaterial({ color: ACCENT, transparent: true, opacity: 0.35 });
    const edges = new LineSegments(
      new EdgesGeometry(box),
      new LineBasicMaterial({ color: ACCENT }),
    );
    const arrow = new Mesh(new ConeGeometry(2.4, 7, 20), new MeshBasicMaterial({ color: ACCENT }));
    arrow.rotation.z = -Math.PI / 2;
    arrow.position.set(SIZE_M[0] / 2 + 5, 0, 0.6);
    this.group.add(new Mesh(box, faces), edges, arrow);
    this.group.visible = false;
    stage.scene.add(this.group);
  }

  dispose(): void {
    this.group.removeFromParent();
    this.group.traverse((node) => {
      if (node instanceof Mesh || node instanceof LineSegments) {
        node.geometry.dispose();
        node.material.dispose();
      }
    });
  }

  hide(): void {
    this.group.visible = false;
    this.stage?.invalidate();
  }

  show(point: Vector3, rotation_deg: number): void {
    this.group.visible = true;
    this.group.position.copy(point);
    this.group.rotation.z = (rotation_deg * Math.PI) / 180;
    this.stage?.invalidate();
  }

  /** Where the ray of a window point meets the ground plane, or null above the horizon. */
  ground(x: number, y: number): Vector3 | null {
    const plane = new Plane(new Vector3(0, 0, 1), 0);
    return this.stage?.ray(x, y).ray.intersectPlane(plane, new Vector3()) ?? null;
  }
}

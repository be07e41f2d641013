import {
  type Box3,
  BoxGeometry,
  EdgesGeometry,
  LineBasicMaterial,
  LineSegments,
  Vector3,
} from "three";
import type { Layer } from "../scene/layer";
import type { Stage } from "../scene/stage";

const COLOUR = "#0b6cf0";
const MARGIN_M = 0.04;

/** The outline of what is selected, seen through walls. */
export class Marker implements Layer {
  readonly name = "marker";
  private stage: Stage | null = null;
  private readonly material = new LineBasicMaterial({
    color: COLOUR,
    depthTest: false,
    fog: false,
  });
  private readonly edges = new EdgesGeometry(new BoxGeometry(1, 1, 1));
  private readonly lines = new LineSegments(this.edges, this.material);

  init(stage: Stage): void {
    this.stage = stage;
    this.lines.visible = false;
    this.lines.renderOrder = 20;
    stage.scene.add(this.lines);
  }

  dispose(): void {
    this.lines.removeFromParent();
    this.edges.dispose();
    this.material.dispose();
  }

  show(box: Box3 | null): void {
    this.lines.visible = box !== null;
    if (box) {
      box.getCenter(this.lines.position);
      box.getSize(this.lines.scale).add(new Vector3(MARGIN_M, MARGIN_M, MARGIN_M));
    }
    this.stage?.invalidate();
  }
}

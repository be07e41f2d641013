import { CanvasTexture, Group, LinearFilter, Sprite, SpriteMaterial, type Vector3 } from "three";
import type { Layer } from "../scene/layer";
import type { Stage } from "../scene/stage";

const FONT_PX = 28;
const PAD_PX = 14;
const HEIGHT_OF_VIEW = 0.026; // a label's height as a part of the view's height
const FONT = `600 ${FONT_PX}px "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", system-ui, sans-serif`;

/** Names over buildings; always the same size on the screen. */
export class Labels implements Layer {
  readonly name = "labels";
  private readonly group = new Group();
  private stage: Stage | null = null;

  init(stage: Stage): void {
    this.stage = stage;
    stage.scene.add(this.group);
  }

  dispose(): void {
    this.clear();
    this.group.removeFromParent();
  }

  set visible(on: boolean) {
    this.group.visible = on;
    this.stage?.invalidate();
  }

  get visible(): boolean {
    return this.group.visible;
  }

  show(labels: { text: string; point: Vector3 }[]): void {
    this.clear();
    for (const { text, point } of labels) {
      const sprite = labelSprite(text);
      sprite.position.copy(point);
      this.group.add(sprite);
    }
    this.stage?.invalidate();
  }

  private clear(): void {
    for (const sprite of [...this.group.children] as Sprite[]) {
      sprite.material.map?.dispose();
      sprite.material.dispose();
      sprite.removeFromParent();
    }
  }
}

function labelSprite(text: string): Sprite {
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
  pen.font = FONT;
  canvas.width = Math.ceil(pen.measureText(text).width) + 2 * PAD_PX;
  canvas.height = FONT_PX + 2 * PAD_PX;
  pen.font = FONT;
  pen.fillStyle = "rgb(18 28 42 / 78%)";
  pen.beginPath();
  pen.roundRect(0, 0, canvas.width, canvas.height, 12);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.textBaseline = "middle";
  pen.fillText(text, PAD_PX, canvas.height / 2 + 1);
  const map = new CanvasTexture(canvas);
  map.minFilter = LinearFilter;
  map.colorSpace = "srgb";
  const sprite = new Sprite(
    new SpriteMaterial({ map, sizeAttenuation: false, depthTest: false, fog: false }),
  );
  sprite.center.set(0.5, 0);
  sprite.scale.set((HEIGHT_OF_VIEW * canvas.width) / canvas.height, HEIGHT_OF_VIEW, 1);
  sprite.renderOrder = 10;
  return sprite;
}

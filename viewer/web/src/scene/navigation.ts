import { Box3, MOUSE, Vector3 } from "three";
import { MapControls } from "three/addons/controls/MapControls.js";
import { Signal } from "../city/signal";
import type { Stage } from "./stage";

const FLIGHT_MS = 900;
const DISTANCE_MIN_M = 1.5;
const DISTANCE_MAX_M = 9_000;
const LOOK = new Vector3(0.55, -1, 0.52).normalize(); // from the south-east, 25 degrees down
const BOX_FACTOR = 1.02; // of the bounding sphere, which is larger than what is seen of the box
const BOX_RADIUS_MIN_M = 7; // what is small is shown with what stands around it
const AIR_MIN_M = 0.6;

interface Flight {
  from: [Vector3, Vector3];
  to: [Vector3, Vector3];
  start: number;
}

/** The camera's hands: left drag moves over the city, right drag turns, wheel zooms to the cursor. */
export class Navigation {
  readonly moved = new Signal(0);
  readonly controls: MapControls;
  private flight: Flight | null = null;

  constructor(private readonly stage: Stage) {
    this.controls = new MapControls(stage.camera, stage.canvas);
    this.controls.enableDamping = true;
    this.controls.dampingFactor = 0.12;
    this.controls.zoomToCursor = true;
    this.controls.minDistance = DISTANCE_MIN_M;
    this.controls.maxDistance = DISTANCE_MAX_M;
    this.controls.maxPolarAngle = Math.PI * 0.495;
    this.controls.mouseButtons = { LEFT: MOUSE.PAN, MIDDLE: MOUSE.DOLLY, RIGHT: MOUSE.ROTATE };
    this.controls.addEventListener("change", () => this.changed());
    this.controls.addEventListener("start", () => {
      this.flight = null;
    });
    stage.canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.ticks.add((now) => this.tick(now));
  }

  /** Camera and target as six numbers, local metres. */
  get numbers(): number[] {
    return [...this.stage.camera.position.toArray(), ...this.controls.target.toArray()];
  }

  jump(numbers: number[]): void {
    this.stage.camera.position.fromArray(numbers, 0);
    this.controls.target.fromArray(numbers, 3);
    this.controls.update();
    this.changed();
  }

  /** Flies so that the box fills the view, keeping the heading. */
  flyTo(box: Box3, immediately = false, factor = BOX_FACTOR): void {
    const centre = box.getCenter(new Vector3());
    const radius = Math.max(box.getSize(new Vector3()).length() / 2, BOX_RADIUS_MIN_M);
    const half = (this.stage.camera.fov * Math.PI) / 360;
    const narrow = Math.min(1, this.stage.camera.aspect);
    const distance = (radius * factor) / Math.sin(half) / narrow;
    const direction = immediately ? LOOK : this.direction();
    const eye = centre.clone().addScaledVector(direction, distance);
    eye.z = Math.max(eye.z, centre.z + distance * 0.25, AIR_MIN_M);
    if (immediately) {
      this.jump([...eye.toArray(), ...centre.toArray()]);
      return;
    }
    this.flight = {
      from: [this.stage.camera.position.clone(), this.controls.target.clone()],
      to: [eye, centre],
      start: performance.now(),
    };
    this.stage.invalidate();
  }

  flyToPoint(point: Vector3, radius_m: number): void {
    const size = new Vector3(radius_m, radius_m, radius_m).multiplyScalar(1.2);
    this.flyTo(new Box3().setFromCenterAndSize(point, size));
  }

  northUp(): void {
    const offset = this.stage.camera.position.clone().sub(this.controls.target);
    const flat = Math.hypot(offset.x, offset.y);
    const eye = this.controls.target.clone().add(new Vector3(0, -flat, offset.z));
    this.flight = {
      from: [this.stage.camera.position.clone(), this.controls.target.clone()],
      to: [eye, this.controls.target.clone()],
      start: performance.now(),
    };
    this.stage.invalidate();
  }

  /** The heading in degrees, clockwise from north. */
  get heading_deg(): number {
    const d = this.controls.target.clone().sub(this.stage.camera.position);
    return (Math.atan2(d.x, d.y) * 180) / Math.PI;
  }

  private direction(): Vector3 {
    const now = this.stage.camera.position.clone().sub(this.controls.target).normalize();
    if (now.z > 0.25 && now.z < 0.85) return now;
    return new Vector3(now.x || LOOK.x, now.y || LOOK.y, 0).normalize().setZ(0.7).normalize();
  }

  private tick(now: number): boolean {
    if (!this.flight) return this.controls.update();
    const part = Math.min((now - this.flight.start) / FLIGHT_MS, 1);
    const eased = part * part * (3 - 2 * part);
    this.stage.camera.position.lerpVectors(this.flight.from[0], this.flight.to[0], eased);
    this.controls.target.lerpVectors(this.flight.from[1], this.flight.to[1], eased);
    if (part >= 1) this.flight = null;
    this.controls.update();
    this.changed();
    return true;
  }

  private changed(): void {
    this.stage.setReach(this.stage.camera.position.distanceTo(this.controls.target));
    this.stage.invalidate();
    this.moved.set(this.moved.value + 1);
  }
}

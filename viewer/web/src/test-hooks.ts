import { Vector3 } from "three";
import type { App } from "./panels/app";

/** `window.__twin`: what browser tests read and do. For tests only; no promise to anybody else. */
export interface TwinHooks {
  /** Whether all models in view are loaded and drawn. */
  readonly ready: boolean;
  readonly drawCalls: number;
  readonly triangles: number;
  readonly features: number;
  visibleFeatures(): number;
  select(code: string): Promise<void>;
  /** Camera position and target, local metres east, north, up. */
  readonly camera: number[];
  /** Where a code's middle is on the screen, in CSS pixels; null when it is not drawn. */
  screenOf(code: string): [x: number, y: number] | null;
  /** The code of what lies at a point of the screen. */
  codeAt(x: number, y: number): string | null;
  /** In which colour a panel points at a code; null: in none. */
  markOf(code: string): number[] | null;
  /** Pixels of longitude and latitude on the ground, for placing tests. */
  groundAt(x: number, y: number): [lon: number, lat: number] | null;
}

declare global {
  interface Window {
    __twin?: TwinHooks;
  }
}

export function exposeForTests(app: App): void {
  const info = app.stage.renderer.info.render;
  window.__twin = {
    get ready() {
      return !app.models.loading.value && info.calls > 0;
    },
    get drawCalls() {
      return info.calls;
    },
    get triangles() {
      return info.triangles;
    },
    get features() {
      return app.models.features;
    },
    get camera() {
      return app.navigation.numbers;
    },
    visibleFeatures: () => app.models.visibleFeatures,
    select: (code) => app.select(code, true),
    screenOf: (code) => screenOf(app, code),
    codeAt: (x, y) => app.models.pick(x, y)?.code ?? null,
    markOf: (code) => app.models.paint.marks.get(code) ?? null,
    groundAt: (x, y) => {
      const point = app.placing.ground(x, y);
      if (!point) return null;
      const at = app.frame.geographic([point.x, point.y, point.z]);
      return [at.lon, at.lat];
    },
  };
}

function screenOf(app: App, code: string): [number, number] | null {
  const box = app.models.boxOf(code);
  if (!box) return null;
  const at = box.getCenter(new Vector3()).project(app.stage.camera);
  const canvas = app.stage.canvas.getBoundingClientRect();
  return [
    canvas.left + ((at.x + 1) / 2) * canvas.width,
    canvas.top + ((1 - at.y) / 2) * canvas.height,
  ];
}

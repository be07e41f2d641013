import {
  BackSide,
  Color,
  DirectionalLight,
  Fog,
  HemisphereLight,
  Mesh,
  PerspectiveCamera,
  Raycaster,
  Scene,
  ShaderMaterial,
  SphereGeometry,
  Vector2,
  WebGLRenderer,
} from "three";

/** Called before each frame; returns true when something moved and must be drawn. */
export type Tick = (now_ms: number) => boolean;

const FOV_DEG = 50;
const PIXEL_RATIO_MAX = 2;
const SKY_RADIUS = 10;
const THEMES = {
  light: { top: "#7fb2e5", horizon: "#dfeaf3", fog: "#dfeaf3" },
  dark: { top: "#0b1524", horizon: "#26384d", fog: "#26384d" },
};
export type Theme = keyof typeof THEMES;

const SKY_VERTEX = `
varying vec3 vDirection;
void main() {
  vDirection = position;
  vec4 p = projectionMatrix * mat4(mat3(viewMatrix)) * vec4(position, 1.0);
  gl_Position = p.xyww;
}`;
const SKY_FRAGMENT = `
uniform vec3 top;
uniform vec3 horizon;
varying vec3 vDirection;
void main() {
  float up = clamp(normalize(vDirection).z * 1.6, 0.0, 1.0);
  gl_FragColor = vec4(mix(horizon, top, pow(up, 0.7)), 1.0);
  #include <colorspace_fragment>
}`;

/** The canvas: renderer, camera, light, sky, and a loop that draws only when something changed. */
export class Stage {
  readonly scene = new Scene();
  readonly camera = new PerspectiveCamera(FOV_DEG, 1, 1, 20_000);
  readonly renderer: WebGLRenderer;
  readonly ticks = new Set<Tick>();
  private readonly skyTop = new Color();
  private readonly skyHorizon = new Color();
  private readonly sky = skyDome(this.skyTop, this.skyHorizon);
  private readonly sun = new DirectionalLight("#fff6e6", 2.1);
  private readonly dome = new HemisphereLight("#eaf3ff", "#8d8a80", 1.7);
  private readonly caster = new Raycaster();
  private dirty = true;

  constructor(readonly canvas: HTMLCanvasElement) {
    this.renderer = new WebGLRenderer({
      canvas,
      antialias: true,
      powerPreference: "high-performance",
    });
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, PIXEL_RATIO_MAX));
    this.renderer.info.autoReset = false;
    this.camera.up.set(0, 0, 1);
    this.sun.position.set(-0.55, -0.8, 1.1);
    this.dome.position.set(0, 0, 1);
    this.scene.add(this.sky, this.sun, this.dome);
    this.scene.fog = new Fog("#dfeaf3", 4_000, 14_000);
    this.setTheme("light");
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  start(): void {
    this.renderer.setAnimationLoop((now) => this.frame(now));
  }

  /** Asks for a new picture. */
  invalidate(): void {
    this.dirty = true;
  }

  setTheme(theme: Theme): void {
    const colours = THEMES[theme];
    this.skyTop.set(colours.top);
    this.skyHorizon.set(colours.horizon);
    this.scene.fog?.color.set(colours.fog);
    this.invalidate();
  }

  /** Near and far follow the distance of what is looked at, so that depth stays sharp. */
  setReach(distance_m: number): void {
    const near = Math.min(Math.max(distance_m * 0.01, 0.1), 20);
    const far = Math.max(distance_m * 20, 16_000);
    if (Math.abs(near - this.camera.near) / near < 0.05 && far === this.camera.far) return;
    this.camera.near = near;
    this.camera.far = far;
    this.camera.updateProjectionMatrix();
  }

  /** A ray through a point of the window, in pixels. */
  ray(x: number, y: number): Raycaster {
    const box = this.canvas.getBoundingClientRect();
    const at = new Vector2(
      ((x - box.left) / box.width) * 2 - 1,
      1 - ((y - box.top) / box.height) * 2,
    );
    this.camera.updateMatrixWorld();
    this.caster.setFromCamera(at, this.camera);
    return this.caster;
  }

  private frame(now: number): void {
    let moved = this.dirty;
    for (const tick of this.ticks) moved = tick(now) || moved;
    if (!moved) return;
    this.dirty = false;
    this.renderer.info.reset();
    this.renderer.render(this.scene, this.camera);
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0) return;
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.invalidate();
  }
}

function skyDome(top: Color, horizon: Color): Mesh<SphereGeometry, ShaderMaterial> {
  const material = new ShaderMaterial({
    uniforms: { top: { value: top }, horizon: { value: horizon } },
    vertexShader: SKY_VERTEX,
    fragmentShader: SKY_FRAGMENT,
    side: BackSide,
    depthWrite: false,
    fog: false,
  });
  const dome = new Mesh(new SphereGeometry(SKY_RADIUS, 24, 16), material);
  dome.frustumCulled = false;
  dome.renderOrder = -100;
  return dome;
}

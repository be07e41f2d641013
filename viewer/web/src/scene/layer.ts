import type { Stage } from "./stage";

/** A layer adds its things to the stage and removes exactly what it added. */
export interface Layer {
  readonly name: string;
  init(stage: Stage): void;
  dispose(): void;
}

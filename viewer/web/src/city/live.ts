import * as client from "../api/client";
import { setAsOf } from "../api/moment";
import type { Connection, Frame } from "../api/sse";
import type { StateRow } from "../api/wire";
import { Signal } from "./signal";

/** Events after which what is shown is read again. */
const READ_AGAIN = new Set(["model", "reset", "gap"]);

/**
 * What the city tells while we look: state of the coloured property and of the card's codes. Looking
 * at a moment of the past, nothing is told until it is played: then what was told from there on.
 */
export class Live {
  readonly connection = new Signal<Connection>("connecting");
  readonly states = new Set<(row: StateRow) => void>();
  readonly models = new Set<() => void>();
  /** Called after a step in time: all that is shown is read again. */
  readonly jumps = new Set<() => void>();
  /** Called with what ended a stream for good. */
  readonly refusals = new Set<(error: unknown) => void>();
  /** The moment that is shown, RFC 3339 in UTC; it moves while played. null: now. */
  readonly moment = new Signal<string | null>(null);
  /** How many times faster than it happened the past is played; 0: it stands still. */
  readonly speed = new Signal(0);
  private property: string | null = null;
  private codes: string[] = [];
  private base: AbortController | null = null;
  private card: AbortController | null = null;
  private moved = false;

  /** The time by which an age is told: that of the moment, else the clock's. */
  get now_ms(): number {
    const at = this.moment.value;
    return at === null ? Date.now() : Date.parse(at);
  }

  /** Shows the city as of a moment, standing still; null: live again. */
  go(at: string | null): void {
    this.speed.set(0);
    this.reach(at);
    this.reopen();
    for (const listener of this.jumps) listener();
  }

  /** Plays the past on from the moment that is shown; 0 stops it there. */
  play(speed: number): void {
    if (this.moment.value === null) return;
    this.speed.set(speed);
    this.reopen();
  }

  /** Follows model changes always, and states of `property` when one is coloured. */
  followProperty(property: string | null): void {
    if (this.base && property === this.property) return;
    this.property = property;
    this.openBase();
  }

  /** Follows all states of the codes shown on the card. */
  followCodes(codes: string[]): void {
    if (codes.join() === this.codes.join()) return;
    this.codes = codes;
    this.openCard();
  }

  private reach(at: string | null): void {
    setAsOf(at);
    this.moment.set(at);
  }

  private reopen(): void {
    this.openBase();
    this.openCard();
  }

  private openBase(): void {
    this.base?.abort();
    this.base = new AbortController();
    this.moved = false;
    // Without a property only model events are wanted; sensors themselves carry no state rows.
    const filters: Record<string, string[]> = this.property
      ? { properties: [this.property] }
      : { kinds: ["Model"] };
    this.follow(filters, this.base, true);
  }

  private openCard(): void {
    this.card?.abort();
    this.card = null;
    if (this.codes.length === 0) return;
    this.card = new AbortController();
    this.follow({ codes: this.codes }, this.card, false);
  }

  private follow(
    filters: Record<string, string[]>,
    control: AbortController,
    leading: boolean,
  ): void {
    const [from, speed] = [this.moment.value, this.speed.value];
    if (from !== null && speed === 0) return; // a moment that stands still tells nothing
    const { signal } = control;
    const failed = (error: unknown) => {
      if (signal.aborted) return;
      if (leading) this.connection.set("lost");
      for (const listener of this.refusals) listener(error);
    };
    let ended = false;
    const onFrame = (frame: Frame) => {
      if (signal.aborted) return;
      if (frame.event === "end") ended = true;
      if (from === null) this.take(frame, leading);
      else this.takePast(frame, leading);
    };
    const onConnection = (state: Connection) => {
      if (leading && !signal.aborted) this.connection.set(state);
    };
    const options = { signal, onFrame, onConnection, done: () => ended };
    client.stream(filters, options, from === null ? null : { from, speed }).catch(failed);
  }

  private take(frame: Frame, leading: boolean): void {
    if (READ_AGAIN.has(frame.event)) {
      if (leading) this.readAgain();
      return;
    }
    if (frame.event !== "state") return;
    for (const row of rowsOf(frame.data)) for (const listener of this.states) listener(row);
  }

  /** A frame of history told again: a model is read when its time has come; its end is now. */
  private takePast(frame: Frame, leading: boolean): void {
    if (frame.event === "state") this.take(frame, leading);
    if (!leading) return;
    if (frame.event === "model") this.moved = true;
    else if (frame.event === "end") this.go(null);
    else if (frame.event === "time") {
      this.reach((frame.data as { at: string }).at);
      if (this.moved) this.readAgain();
      this.moved = false;
    }
  }

  private readAgain(): void {
    for (const listener of this.models) listener();
  }
}

/** A frame holds one row, a list of rows, or a code with its properties. */
function rowsOf(data: unknown): StateRow[] {
  if (Array.isArray(data)) return data.flatMap(rowsOf);
  const held = data as StateRow & { properties?: Record<string, Omit<StateRow, "code">> };
  if (held.properties) {
    return Object.entries(held.properties).map(([property, row]) => ({
      ...row,
      code: held.code,
      property,
    }));
  }
  return held.code && held.property ? [held] : [];
}

import * as client from "../api/client";
import type { Connection, Frame } from "../api/sse";
import type { StateRow } from "../api/wire";
import { Signal } from "./signal";

/** Events after which what is shown is read again. */
const READ_AGAIN = new Set(["model", "reset", "gap"]);

/** What the city tells while we look: state of the coloured property and of the card's codes. */
export class Live {
  readonly connection = new Signal<Connection>("connecting");
  readonly states = new Set<(row: StateRow) => void>();
  readonly models = new Set<() => void>();
  private property: string | null = null;
  private codes: string[] = [];
  private base: AbortController | null = null;
  private card: AbortController | null = null;

  /** Follows model changes always, and states of `property` when one is coloured. */
  followProperty(property: string | null): void {
    if (this.base && property === this.property) return;
    this.property = property;
    this.base?.abort();
    this.base = new AbortController();
    // Without a property only model events are wanted; sensors themselves carry no state rows.
    const filters: Record<string, string[]> = property
      ? { properties: [property] }
      : { kinds: ["Model"] };
    this.follow(filters, this.base, true);
  }

  /** Follows all states of the codes shown on the card. */
  followCodes(codes: string[]): void {
    if (codes.join() === this.codes.join()) return;
    this.codes = codes;
    this.card?.abort();
    this.card = null;
    if (codes.length === 0) return;
    this.card = new AbortController();
    this.follow({ codes }, this.card, false);
  }

  private follow(
    filters: Record<string, string[]>,
    control: AbortController,
    leading: boolean,
  ): void {
    const failed = () => leading && !control.signal.aborted && this.connection.set("lost");
    client
      .stream(filters, {
        signal: control.signal,
        onFrame: (frame) => this.take(frame, leading),
        onConnection: (state) => leading && this.connection.set(state),
      })
      .catch(failed);
  }

  private take(frame: Frame, leading: boolean): void {
    if (READ_AGAIN.has(frame.event)) {
      if (leading) for (const listener of this.models) listener();
      return;
    }
    if (frame.event !== "state") return;
    for (const row of rowsOf(frame.data)) for (const listener of this.states) listener(row);
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

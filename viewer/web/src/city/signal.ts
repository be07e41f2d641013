/** A value that tells its listeners when it changes. */
export class Signal<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private held: T) {}

  get value(): T {
    return this.held;
  }

  set(value: T): void {
    if (Object.is(value, this.held)) return;
    this.held = value;
    this.tell();
  }

  /** Calls the listeners although the value is the same object (its inside changed). */
  tell(): void {
    for (const listener of [...this.listeners]) listener(this.held);
  }

  /** Returns what ends the listening. */
  listen(listener: (value: T) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

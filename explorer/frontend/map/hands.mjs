// What a person is in the midst of on the map: a drag, a line, a lasso. Until it ends, no other map takes its place.

export class Hands {
  constructor() {
    this.holding = new Set();
    this.waiting = [];
  }

  get busy() {
    return this.holding.size > 0;
  }

  /** Something is taken up, or let go. */
  hold(what, held = true) {
    if (held) this.holding.add(what);
    else this.holding.delete(what);
    if (!this.busy) this.waiting.splice(0).forEach((resolve) => resolve());
  }

  /** Resolves when nothing is held. */
  free() {
    return this.busy ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve();
  }

  /** The map is gone, and whoever waits need not wait any more. */
  drop() {
    this.holding.clear();
    this.hold(null, false);
  }
}

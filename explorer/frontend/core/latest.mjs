// A drag makes more requests than can be answered: the newest wins.

/** At most one evaluation under way and one waiting; the newest request replaces the waiting one. */
export class Latest {
  constructor(run) {
    this.run = run;
    this.busy = false;
    this.pending = undefined;
    this.waiting = [];
  }

  /** Resolves when nothing is under way and nothing waits: other work then takes its turn. */
  idle() {
    return this.busy ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve();
  }

  push(request) {
    this.pending = request;
    if (!this.busy) this.drain();
  }

  async drain() {
    this.busy = true;
    while (this.pending !== undefined) {
      const request = this.pending;
      this.pending = undefined;
      try {
        await this.run(request);
      } catch (error) {
        reportError(error); // a request that failed does not hold up the next one
      }
    }
    this.busy = false;
    this.waiting.splice(0).forEach((resolve) => resolve());
  }
}

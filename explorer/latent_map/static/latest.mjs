// A drag makes more requests than can be answered: the newest wins.

/** At most one evaluation under way and one waiting; the newest request replaces the waiting one. */
export class Latest {
  constructor(run) {
    this.run = run;
    this.busy = false;
    this.pending = undefined;
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
      await this.run(request);
    }
    this.busy = false;
  }
}

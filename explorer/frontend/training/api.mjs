// What the server knows of a run: asked for a little at a time, no faster than it changes.

import { words } from '../words/en/training.mjs';

const OVER = new Set(['done', 'failed', 'stopped']);
const TIMEOUT_MS = 15_000;
const SLOWEST_MS = 10_000;

export const isOver = (job) => OVER.has(job?.state);

/** Milliseconds until a run is worth asking about again; null when it will not change any more. */
export function interval(job, hidden) {
  if (job?.settled) return null;
  if (job?.phase === 'measuring') return 2_500;
  if (hidden || job?.state === 'paused') return 5_000;
  if (job?.state !== 'running' || job.pace == null) return 1_000;
  // A held run changes only when its owner presses a button, and the owner asks right after that.
  return job.phase === 'held' ? 500 : 250;
}

export class LiveRun {
  /**
   * @param {string} base the run's address
   * @param {{changed(news: {rows: number, reset: boolean}), trouble(sentence: string | null)}} events
   * @param {number} [least] milliseconds between two requests at least
   */
  constructor(base, events, least = 0) {
    Object.assign(this, { base, events, least, job: null, rows: [], snapshots: [], failures: 0, attempt: 0 });
    this.ending = new AbortController();
    this.seen = () => { if (!document.hidden) this.soon(); };
    document.addEventListener('visibilitychange', this.seen);
    this.poll();
  }

  /** Asks now, or as soon as the request under way is answered. */
  soon() {
    if (this.stopped || this.job?.settled) return;
    this.again = this.busy;
    if (!this.busy) {
      clearTimeout(this.timer);
      this.poll();
    }
  }

  async poll() {
    this.busy = true;
    this.again = false;
    try {
      const query = `metrics=${this.rows.length}&snapshots=${this.snapshots.length}&attempt=${this.attempt}`;
      const answer = await this.fetch(`${this.base}/live?${query}`);
      if (answer.status === 404) {
        this.stopped = true;
        this.events.trouble((await answer.json().catch(() => ({}))).error ?? words.gone);
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      this.take(await answer.json());
      if (this.failures) this.events.trouble(null);
      this.failures = 0;
    } catch (error) {
      if (this.ending.signal.aborted) return;
      if (error instanceof SyntaxError || error instanceof TypeError || error.name === 'TimeoutError' || error.message.match(/^\d+$/)) {
        this.failures += 1;
        this.events.trouble(words.lost);
      } else {
        throw error; // ours, not the line's
      }
    } finally {
      this.busy = false;
      this.plan();
    }
  }

  plan() {
    if (this.ending.signal.aborted || this.stopped) return;
    const wait = interval(this.job, document.hidden);
    if (wait === null && !this.failures) return;
    const backOff = Math.min(1_000 * 2 ** this.failures, SLOWEST_MS);
    this.timer = setTimeout(() => this.poll(), this.again ? 0 : this.failures ? backOff : Math.max(wait, this.least));
  }

  take({ job, metrics, snapshots, reset }) {
    // A run that was resumed dropped its last reports: steps that go backwards say so too.
    const backwards = metrics.length > 0 && this.rows.length > 0 && metrics[0].step <= this.rows.at(-1).step;
    const anew = reset || backwards;
    this.attempt = job.attempt ?? 0;
    this.rows = anew ? (reset ? metrics : []) : [...this.rows, ...metrics];
    const known = anew ? 0 : this.snapshots.length;
    const fits = snapshots.every((entry, i) => entry.index === known + i);
    if (anew) this.snapshots = reset && fits ? snapshots : [];
    else if (fits) this.snapshots = [...this.snapshots, ...snapshots];
    this.job = job;
    this.events.changed({ rows: metrics.length, reset: Boolean(anew) });
  }

  /** Asks the server to do something with the run; gives a sentence where it will not. */
  async order(action, pace = null) {
    try {
      const answer = await this.fetch(`${this.base}/control`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ action, pace }),
      });
      const body = await answer.json();
      if (!answer.ok) return body.error ?? words.notDone;
      this.job = body;
      this.events.changed({ rows: 0, reset: false });
      this.soon();
      return null;
    } catch {
      return words.notDone;
    }
  }

  fetch(url, options = {}) {
    const signal = AbortSignal.any([this.ending.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    return fetch(url, { credentials: 'same-origin', ...options, signal });
  }

  destroy() {
    this.ending.abort();
    clearTimeout(this.timer);
    document.removeEventListener('visibilitychange', this.seen);
  }
}

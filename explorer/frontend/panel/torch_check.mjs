// Torch's numbers beside the browser's, for every place where something comes to rest.

import { nats, power } from '../core/dom.mjs';
import { askTorch, largestDifference, tolerance } from '../engine/terms.mjs';
import { words } from '../words/en/map.mjs';

export class TorchCheck {
  constructor(manifest, plane, panel) {
    this.manifest = manifest;
    this.plane = plane;
    this.panel = panel;
  }

  /** The browser's own numbers for a state at rest; without terms where it had none. */
  settle(request, terms) {
    this.settled = { request, terms };
    this.wake?.();
  }

  /** Nobody waits for the answer any more. */
  cancel() {
    this.asking?.abort();
    this.wake?.();
  }

  /** Asks torch for a state and says how the two agree, once the browser has its numbers too. */
  async ask(request) {
    this.cancel();
    const { signal } = (this.asking = new AbortController());
    this.panel.showTorch(words.torch.waiting, 'waiting');
    try {
      const torch = await askTorch(this.manifest, this.plane, request, signal);
      while (!signal.aborted && !same(this.settled?.request, request)) {
        await new Promise((resolve) => { this.wake = resolve; });
      }
      if (!signal.aborted) this.say(torch);
    } catch (error) {
      if (!signal.aborted) this.panel.showTorch(words.torch.silent(error.message), 'silent');
    }
  }

  say(torch) {
    const { terms } = this.settled;
    this.panel.torch.dataset.value = JSON.stringify(torch);
    if (!terms) {
      this.panel.showTorch(words.torch.alone, 'silent');
      return;
    }
    const difference = largestDifference(terms, torch);
    const pixels = this.manifest.imageShape.reduce((a, b) => a * b);
    if (difference <= tolerance(terms, pixels)) this.panel.showTorch(words.torch.agrees(power(difference)), 'agrees');
    else this.panel.showTorch(words.torch.differs(nats(difference, 4)), 'differs');
  }
}

function same(a, b) {
  return a && a.anchor === b.anchor && a.map === b.map && a.base === b.base && a.mode === b.mode && `${a.u}` === `${b.u}` && `${a.sigma}` === `${b.sigma}`;
}

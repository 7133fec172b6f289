// Every word that the ladder of bounds, and rate and units, say to a person.

import { nats } from '../../core/dom.mjs';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const list = new Intl.ListFormat('en', { type: 'conjunction' });
const BITS = Math.LN2;
const COLLAPSED = 0.01; // nats
const NAMED = 8; // units by their names in one sentence

export const subscript = (n) => [...String(n)].map((digit) => '₀₁₂₃₄₅₆₇₈₉'[digit]).join('');
export const unitName = (i) => `z${subscript(i + 1)}`;
const isAre = (names, one, many) => (names.length === 1 ? one : many);

function named(indices) {
  const names = indices.slice(0, NAMED).map(unitName);
  const rest = indices.length - names.length;
  return list.format(rest > 0 ? [...names, `${rest} more`] : names);
}

export const words = {
  count: (n) => whole.format(n),
  inBits: (value) => nats(value / BITS),

  ladder: {
    label: 'Ladder',
    intro: {
      yours: 'IWAE-k of your q: ',
      encoder: 'While a point is dragged there is no q of yours: IWAE-k of the encoder’s q. ',
    },
    meaning: 'draw k places z from q, take the log of their mean weight p(x,z) / q(z). The larger k, the tighter the bound on log p(x).',
    heads: ['k', 'bound, nats', '± SE', 'groups'],
    headTips: [
      'Draws in one logarithm. k = 1 is the ELBO.',
      'Mean over the groups of the log of a group’s mean weight.',
      'Standard error of that mean, from the scatter between the groups.',
      'Independent groups of k draws, all cut from one pool.',
    ],
    elbo: 'ELBO',
    evidence: {
      exact: (value) => `log p(x) = ${value}`,
      estimate: (value, error) => `log p(x) ≈ ${value}${error ? ` ± ${error}` : ''}`,
      waiting: 'log p(x) is on its way …',
      none: 'log p(x) is not known',
      tip: {
        quadrature: 'By quadrature: no bound can lie above it, but for its own error bar.',
        importance: 'Itself an estimate, from draws around the best Gaussian; on average too low. Band: ± one standard error.',
        browser: 'A coarse quadrature in this browser.',
      },
    },
    unknown: 'unknown',
    oneGroup: 'one group so far: no error can be known from it',
    noGroup: (k) => `k = ${whole.format(k)} waits for its first ${whole.format(k)} draws`,
    noWeight: 'a group without a single weight above 0',
    waiting: 'The first draws are on their way …',
    moving: 'q is moving: the draws begin again when it rests.',
    drawn: (n, of) => (n < of ? `${whole.format(n)} of ${whole.format(of)} draws` : `${whole.format(n)} draws`),
    server: ', no more on the server',
    effective: (value, k) =>
      `Effective sample size at k = ${whole.format(k)}: ${whole.format(Math.max(1, value))} (${share(value / k)})`,
    effectiveTip: '(Σw)² / Σw²: as many draws of equal weight would scatter alike. The mean over the groups.',
    heavy: 'Heavy tail: q proposes too little where part of the posterior lies, so a few draws carry the sum; the error bar cannot see what was never drawn.',
    failed: (why) => `No more draws for now: ${why}`,
    chart: (rungs, evidence) => `Bounds by k: ${rungs.map(({ k, value }) => `${whole.format(k)}: ${nats(value)}`).join(', ')} nats. ${evidence}`,
  },

  units: {
    label: 'Rate & units',
    waiting: 'The codes of the data set are being counted …',
    failed: (why) => `The units could not be counted: ${why} Open this tab again to retry.`,
    title: 'KL by dimension, nats',
    mean: (n) => `mean of ${whole.format(n)} images`,
    own: { q: 'this image, your q', encoder: 'this image, encoder’s q' },
    ownTip: {
      q: 'KL(q(zᵢ) ‖ p(zᵢ)) of the q on screen, dimension by dimension: they add up to its KL.',
      point: 'While a point is dragged there is no q of yours: the encoder’s is shown.',
      plane: 'Within the plane of the map your q is stretched across the dimensions, so its KL does not fall into one part for each: the encoder’s own q is shown.',
    },
    orders: { kl: ['by KL', 'Dimensions with the largest mean KL first.'], index: ['by number', 'Dimensions in the model’s own order.'] },
    order: 'Order of the dimensions',
    unit: (i, mean, own, variance, active) =>
      `${unitName(i)}: ${nats(mean)} nats on average, ${nats(own)} for this image. ` +
      `Variance of the posterior mean over the images: ${variance.toPrecision(2)}, so it is ${active ? 'active' : 'inactive'}.`,
    activityTip: (threshold) =>
      `Active: the posterior mean varies over the images, by a variance above ${threshold} (Burda, Grosse & Salakhutdinov 2016).`,
    /** How many units are used, and what became of the others. */
    activity(kl, variance, threshold, low = COLLAPSED) {
      const d = kl.length;
      const inactive = kl.map((_, i) => i).filter((i) => !(variance[i] > threshold));
      const collapsed = inactive.filter((i) => kl[i] < low);
      const idle = inactive.filter((i) => kl[i] >= low);
      const active = d - inactive.length;
      const said = [
        `${active === 0 ? 'None' : active} of ${d} ${d === 1 ? 'dimension' : 'dimensions'} ${active === 1 ? 'is' : 'are'} active.`,
      ];
      if (collapsed.length)
        said.push(
          `${named(collapsed)} ${isAre(collapsed, 'has', 'have')} collapsed to the prior: KL below ${low} nats, the same q whatever the image. ` +
            `${isAre(collapsed, 'It carries', 'They carry')} nothing of x.`,
        );
      if (idle.length)
        said.push(`${named(idle)} ${isAre(idle, 'is', 'are')} inactive, but not at the prior: KL is paid for a q whose mean hardly changes with the image.`);
      return said.join(' ');
    },
    rate: (n, value) => `Mean rate of ${whole.format(n)} images: ${nats(value)} nats = ${words.inBits(value)} bits`,
    rateTip: 'The mean of KL(q(z|x) ‖ p(z)) over the images falls in two (Hoffman & Johnson 2016).',
    information: ['I(x; z)', 'What z tells about which image it came from. At most log n for n images.'],
    marginal: ['KL(q(z) ‖ p(z))', 'How far the codes of all images together, q(z), lie from the prior: samples of the model suffer from it.'],
    /** `bound` is '≥' or '≤' where the number of images cuts a part short. */
    part: (name, value, error, bound) =>
      `${name} ${bound ? `${bound} ${nats(value)}` : `${nats(value)} ± ${error < 0.005 ? '<0.01' : nats(error)}`} nats (${words.inBits(value)} bits)`,
    ceiling: (n) =>
      `I(x; z) has reached its ceiling, log n = ${nats(Math.log(n))} nats: z tells all ${whole.format(n)} images apart. ` +
      'Of more images it would be larger, and the other part smaller.',
    image: ({ reconstruction, kl, elbo }) =>
      `This image: rate ${nats(kl)} + distortion ${nats(-reconstruction)} = ${nats(-elbo)} nats, which is −ELBO.`,
    imageTip: 'Rate: KL(q ‖ p(z)). Distortion: −E_q[log p(x|z)]. Both are of the q on screen.',
    imagePoint: 'Rate and distortion are of a q: drag a Gaussian to see this image’s own.',
    aggregate: 'q(z) against p(z)',
    aggregateTip:
      'log q(u) − log p(u) on the map: q(u) is the mean of q(z|x) over the images, p(u) the prior. Circles: one, two and three ' +
      'standard deviations of the prior. The dot is your q’s mean. Clear: both are alike, or both negligible.',
    scale: [(factor) => `${factor}× rarer`, 'alike', (factor) => `${factor}× denser`],
    density: (share, factor, plane) => {
      const colours = 'q(z), the codes of all images, against the prior: orange is denser than the prior, blue are holes.';
      return plane
        ? `${colours} In this plane alone: what lies apart in the other dimensions falls together here, and holes do not show.`
        : `${colours} ${percent(share)} of samples from the prior land where images are over ${factor}× rarer: there the decoder was ` +
            'seldom trained, and samples may look wrong.';
    },
  },
};

function share(value) {
  return value < 0.001 ? '<0.1 %' : `${nats(100 * value, value < 0.1 ? 1 : 0)} %`;
}

function percent(value) {
  return value > 0 && value < 0.01 ? 'Under 1 %' : `${nats(100 * value, 0)} %`;
}

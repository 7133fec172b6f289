// Every word the view of a training run says to a person, apart from the logic.

const ORDINALS = { one: 'st', two: 'nd', few: 'rd', other: 'th' };
const plural = new Intl.PluralRules('en', { type: 'ordinal' });
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

const ordinal = (n) => `${n}${ORDINALS[plural.select(n)]}`;

/** A duration as people read it: 0:07, 12:30, 1:02:30, and days as 3 d 4 h. */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s >= 172_800) return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3_600)} h`;
  const two = (value) => String(value).padStart(2, '0');
  const minutes = Math.floor(s / 60) % 60;
  const hours = Math.floor(s / 3_600);
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

export const words = {
  view: 'Training run',
  states: {
    queued: 'in the queue',
    running: 'training',
    held: 'held between two steps',
    slow: 'training in slow motion',
    pausing: 'pausing …',
    stopping: 'stopping …',
    finishing: 'saving the model …',
    measuring: 'trained, measuring the model …',
    paused: 'paused',
    stopped: 'stopped',
    kept: 'stopped and kept',
    failed: 'failed',
    done: 'done',
    unknown: 'asking …',
  },
  place: (n) => (n === 1 ? 'next in the queue' : `${ordinal(n)} in the queue`),
  summary: ({ model, training }) =>
    [
      training.dataset,
      `${model.latent} latent dimension${model.latent === 1 ? '' : 's'}`,
      `${model.network} ${model.hidden.join('-')}`,
      model.likelihood,
    ].join(' · '),
  progress: 'Share of the budget spent',
  epoch: (epoch, of) => `epoch ${epoch < 10 ? epoch.toFixed(2) : epoch.toFixed(1)}${of ? ` of ${of}` : ''}`,
  step: (step) => `step ${whole.format(step)}`,
  spent: (seconds) => `${duration(seconds)} spent`,
  left: (seconds) => `${duration(seconds)} left`,
  rate: (rate) => `${whole.format(rate)} images/s`,
  pause: ['Pause', 'Saves the run and frees the device for the next in the queue. It can be resumed.'],
  resume: ['Resume', 'Goes on at full speed from where the run was saved; it may have to wait its turn.'],
  stop: ['Stop and keep', 'Ends the run now and keeps the model as it is.'],
  stopQueued: ['Leave the queue', 'This run has not begun: nothing is lost.'],
  sure: 'End this run for good?',
  sureKeep: 'Yes, stop',
  sureQueued: 'Yes, leave',
  no: 'No',
  explore: ['Explore it', 'Open the model in Explore and drag through its latent space.'],
  guest: 'View only. The person who started this run controls it.',
  slow: 'Slow motion',
  oneStep: ['1 minibatch', 'Holds the run and lets it take one step: one minibatch, one update of the weights.'],
  oneEpoch: (steps) => [
    '1 epoch',
    `Holds the run after one more pass over the training set${steps ? ` (${whole.format(steps)} steps)` : ''}.`,
  ],
  pace: 'Speed in steps per second',
  paces: [
    [0, 'held', 'Holds the run between two steps. Nothing is lost, and the device stays reserved.'],
    [1, '1', 'One step per second: watch single updates.'],
    [2, '2', 'Two steps per second.'],
    [5, '5', 'Five steps per second.'],
    [20, '20', 'Twenty steps per second.'],
    [null, 'full', 'As fast as the device can.'],
  ],
  perSecond: 'steps/s',
  narrowPerSecond: ' · steps/s',
  scrubber: {
    label: 'Place in the run',
    play: ['Play', 'Replays the whole run so far in ten seconds.'],
    halt: ['Stop', 'Stops the replay here.'],
    live: ['Live', 'Follow the newest state of the run.'],
    last: ['Last', 'Back to the last state of the run.'],
    at: (entry, of) => `epoch ${entry.epoch.toFixed(2)}, step ${whole.format(entry.step)}, picture ${entry.index + 1} of ${of}`,
    short: (entry) => `${words.epoch(entry.epoch)} · ${words.step(entry.step)}`,
    none: 'no pictures yet',
  },
  map: (latent) =>
    latent <= 2
      ? ['Latent space', 'Where the encoder’s means of the held-out images lie. The rings are the prior N(0, I) at one and two standard deviations.']
      : ['Latent space, plane of the first two principal components', 'The encoder’s means of the held-out images, turned so that the picture moves as little as possible.'],
  mapLabel: (entry, count) => `Map of ${count} held-out images at step ${entry.step}`,
  axes: (latent) => (latent > 2 ? ['an axis of the principal plane', 'the axis across it'] : latent === 2 ? ['z₁', 'z₂'] : ['z', '']),
  classes: 'Classes: press to hide or show',
  samples: ['Samples', 'Decoded from latents z drawn from the prior once, and the same ones throughout the run.'],
  reconstructions: ['Reconstructions', 'Held-out images x above; below each, what the decoder makes of the mean of q(z|x).'],
  pairs: 'x, and below it x̂',
  samplesLabel: 'Samples from the prior',
  reconstructionsLabel: 'Held-out images above their reconstructions',
  empty: {
    queued: (place) =>
      place > 1
        ? `Waiting for the device: ${ordinal(place)} in the queue. It begins by itself: while others wait, a run has turns of two minutes.`
        : 'Waiting for a worker to take it up. It begins by itself.',
    starting: 'Getting ready: the data set is read and the network is built.',
    none: 'This run ended before its first picture.',
    curves: 'The curves begin with the first report, after a few steps.',
    asking: 'Asking for the run …',
  },
  curves: 'Curves',
  terms: { elbo: 'ELBO', log_likelihood: 'Reconstruction', kl: 'KL' },
  termTips: {
    elbo: 'Reconstruction − KL: a lower bound on log p(x). Higher is better.',
    log_likelihood: 'E_q[log p(x|z)]: how probable the images are under their reconstructions.',
    kl: 'KL(q(z|x) ‖ p(z)): what the codes cost in nats.',
  },
  sets: { train: ['training', 'Averaged over the minibatches since the last report, while the weights still moved.'],
    heldout: ['held-out', 'Images that training never sees, measured now and then.'] },
  unit: 'nats/image',
  panels: { terms: 'ELBO and reconstruction', kl: 'KL', dimensions: 'KL per dimension', sorted: 'KL per dimension, largest first' },
  active: (n, d) => `${n} of ${d} active`,
  nats: 'nats per image',
  axis: { label: 'Horizontal axis', elapsed: ['time', 'Time spent training; waiting and slow motion do not count.'], step: ['steps', 'Steps: minibatches seen.'] },
  axisTitles: { seconds: 'seconds of training', minutes: 'minutes of training', hours: 'hours of training', step: 'step' },
  reset: 'Nats per image. In the curves: drag to zoom. A double click shows everything, another the usual range again.',
  beta: {
    rising: (now, final) => `β = ${now.toFixed(2)}, rising to ${final}`,
    other: (beta) => `β = ${beta}`,
    freeBits: (bits) => `${bits} free nats per dimension`,
    all: (causes) => `${causes.join(' · ')}: the loss is not −ELBO`,
    tip: 'What is minimised is −reconstruction + β · KL, where a dimension’s KL, averaged over the minibatch, counts as no less than its free nats. The curves always show the ELBO itself.',
  },
  compared: 'held-out ELBO of',
  lost: 'The connection was lost: trying again. What is shown is the last state that arrived.',
  gone: 'This run is not on this server any more.',
  silent: (seconds) => `Nothing was heard from the worker for ${duration(seconds)}. If it ended, another takes the run up from its last saved state.`,
  hiccup: (why) => `A picture of the run could not be loaded: ${why}`,
  notPlotted: 'The curves could not be drawn: the plotting library did not load. Reload the page.',
  notDone: 'That did not reach the server: try again.',
  mismatch: 'it has not the size it should have.',
  broken: (why) => `The run could not be shown: ${why} Reload the page.`,
};

// Every word of the tabs' frame, the game and the derivation.

export const words = {
  tablist: 'Anatomy of the ELBO',
  tabs: {
    game: ['By hand', 'Inference by hand: make the gap as small as you can'],
    derivation: ['Identity', 'log p(x) = ELBO + KL(q ‖ p(z|x)), line by line with the numbers on screen'],
    ladder: ['Ladder', 'Tighter bounds: IWAE-k climbs to log p(x)'],
    units: ['Rate', 'What each latent dimension carries, and where q(z) lies'],
    gaps: ['Gaps', 'The gaps of many images, sorted'],
  },
  game: {
    scale: 'KL(q ‖ p(z|x)) in nats, on the logarithmic scale of the bar above: shorter is better.',
    yours: 'your q',
    encoder: 'encoder’s q',
    diagonal: 'best diagonal Gaussian',
    full: 'best Gaussian',
    tips: {
      encoder: 'The q that the encoder gives at once: one network for all images. Press to put your q there.',
      diagonal: 'The best q = N(m, diag(s²)) for this image alone, found by climbing. Press to put your q there.',
      full: 'The best Gaussian with any covariance, for this image alone: drawn on the map as a dotted ellipse.',
    },
    gaps: (approximation, amortization) =>
      `encoder’s gap = ${approximation} approximation + ${amortization} amortization`,
    gapsTip:
      'Approximation gap: what even the best diagonal Gaussian leaves. Amortization gap: what one encoder for all images gives away (Cremer, Li & Duvenaud 2018).',
    estimate: (error) => `log p(x) and the ELBO are estimates here: ${error ? `your gap is ± ${error}` : 'gaps are as uncertain as they are'}.`,
    axis: '· bars on a logarithmic scale',
    searching: 'looking for the best Gaussians …',
    failed: (why) => `The best Gaussians are not known: ${why}`,
    waiting: 'The gap is known as soon as log p(x) is.',
    step: ['Step uphill', 'One step along the gradient of the ELBO, each coordinate in units of q’s own scale (the natural gradient); shortened where the ELBO would fall.'],
    climb: ['▶ Climb', 'Step after step, until the ELBO stands still.'],
    stop: ['■ Stop', 'Stop climbing.'],
    arrow: ['Arrow', 'Show the gradient of the ELBO on the map: where m and the scales should go.'],
    done: (steps, higher) =>
      `A top after ${steps} ${steps === 1 ? 'step' : 'steps'}: no small step leads higher.${higher ? ' A higher one lies elsewhere.' : ''}`,
    tired: (steps) => `Stopped after ${steps} steps.`,
    climbing: (steps) => `step ${steps}`,
    pointMode: 'A single z has no ELBO, and its log p(x,z) − log q(z|x) may well lie above log p(x): only the mean over q cannot. Choose “Gaussian q” above the map to play.',
    gradient: (values) => `∇ELBO: ∂m ${values[0]}, ${values[1]}; ∂s ${values[2]}, ${values[3]} nats per unit`,
    means: 'in m',
    scales: 'in s',
    cloud: (share, draws) =>
      `A dot: the gradient from one of ${draws} draws ε (reparameterization). The arrow: their exact mean. Frames hold ${share} % of the dots.`,
    verdicts: {
      beyond: (share, rest) => `You closed ${share} % of the encoder’s gap.${rest ? ` ${rest} nats more are within reach.` : ''}`,
      top: 'This is the best a diagonal Gaussian can do.',
      level: 'Level with the encoder. Drag the handles to do better.',
      ahead: (nats) => `${nats} nats better than the encoder’s q.`,
      below: (nats) => `${nats} nats below the encoder’s q.`,
    },
  },
  derivation: {
    reasons: {
      marginal: 'the marginal: z integrated out',
      bayes: 'Bayes’ rule, p(x) = p(x,z) / p(z|x), whatever z; averaged over q',
      split: 'multiply and divide by q(z)',
      names: 'the two averages have names',
      terms: 'and the ELBO its two terms',
    },
    by: {
      quadrature: (cells) => `quadrature, ${cells.toLocaleString('en')} cells`,
      importance: (samples) => `importance sampling, ${samples.toLocaleString('en')} draws`,
      browser: () => 'coarse quadrature while you draw',
    },
    check: (own, difference, residual) =>
      `KL(q ‖ p(z|x)) by torch, with log p(x) integrated anew: ${own} nats. log p(x) − ELBO above: ${difference} nats. They differ by ${residual}.`,
    checking: 'Torch integrates KL(q ‖ p(z|x)) for itself …',
    moving: 'On release, torch integrates KL(q ‖ p(z|x)) for itself.',
    unable: (error) => `With more than two latent dimensions KL(q ‖ p(z|x)) has no quadrature: it is log p(x) − ELBO, both estimates${error ? `; ± ${error} nats` : ''}.`,
    failed: (why) => `The check could not be made: ${why}`,
    waiting: 'The lines are filled in as soon as log p(x) is known.',
    pointMode: 'The identity is about a whole q: choose “Gaussian q” above the map.',
  },
};

// Every word of the gaps over a data set.

const within = (error) => (error === null ? ', error unknown' : error ? ` ± ${error}` : '');

export const words = {
  label: 'Gaps',
  loading: 'Getting the gaps …',
  failed: (why) => `The gaps could not be loaded: ${why}`,
  empty: [
    'Not measured yet for this model. The command below measures log p(x), and the best Gaussian q for every single image, and keeps them beside the model:',
    'Reload the page when it is done.',
  ],
  command: (model, count) => `python -m explorer gaps ${model} --images ${count}`,
  sorting: 'Sorted by',
  sorts: {
    inference: ['Inference', 'Inference gap: log p(x) − ELBO of the encoder’s q = KL(q ‖ p(z|x)).'],
    approximation: ['Approximation', 'Approximation gap: what the best Gaussian with a diagonal covariance, found for this image alone, still misses.'],
    amortization: ['Amortization', 'Amortization gap: what is lost because one encoder serves all images: best diagonal ELBO − encoder’s ELBO.'],
    evidence: ['log p(x)', 'The least probable images first: unusual ones, or merely intricate ones, since every edge costs nats.'],
  },
  parts: {
    full: ['not Gaussian', 'log p(x) − best ELBO of any Gaussian: the approximation gap of the full-covariance family. The true posterior is not Gaussian.'],
    extra: ['not diagonal', 'Best ELBO of any Gaussian − best of the diagonal ones: what a q without correlations gives away.'],
    amortization: ['amortization', 'Best diagonal ELBO − the encoder’s: the amortization gap. One network for all images does not find each one’s best q.'],
  },
  mean: (value, error) => `${value} ± ${error}`,
  sum: 'mean inference gap =',
  sumTip: (made, error, unknown) =>
    `± one standard error over images. log p(x) ${made}; an image’s own error is ${error} nats in the mean${unknown ? `, unknown for ${unknown}` : ''}.`,
  axes: { gap: (n) => `${n} images; nats, √ scale`, evidence: (n) => `${n} images; −log p(x), nats` },
  ends: { gap: ['largest gap', 'smallest'], evidence: ['least probable', 'most probable'] },
  picture: 'Images in order: arrow keys choose the next one',
  place: (rank, n, index, label, numbers) => `Place ${rank} of ${n}: image ${index}, ${label}; ${numbers}`,
  card: (index, label) => `${label} · no. ${index}`,
  evidence: (value, error) => `log p(x) ${value}${within(error)}`,
  gap: (value, error, parts) => `gap ${value}${error ? within(error) : ''} = ${parts.join(' + ')}`,
  rows: {
    inference: 'largest inference gaps',
    approximation: 'largest approximation gaps',
    amortization: 'largest amortization gaps',
    evidence: 'lowest log p(x)',
  },
  thumbnail: (index, label, numbers) => `Choose image ${index}, ${label}: ${numbers}`,
  outside: (n) => `The chosen image is not among the first ${n}, which were measured.`,
};

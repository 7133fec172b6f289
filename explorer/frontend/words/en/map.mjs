// Every word the map says to a person, apart from the logic, so that another language is one file.

export const words = {
  help: {
    mouse: {
      gaussian: 'Drag the corners to move q, a square to stretch it. Click a point to choose its image. Arrow keys work too.',
      moved: 'Drag the corners: q moves over the map as it is. Click a point to choose its image. Arrow keys work too.',
      point: 'Drag the dot through latent space and watch z decode. Click a point to choose its image. Arrow keys work too.',
    },
    finger: {
      gaussian: 'Drag the corners or a square. Tap a point for its image, a word for its meaning.',
      moved: 'Drag the corners. Tap a point for its image, a word for its meaning.',
      point: 'Drag the dot. Tap a point for its image, a word for its meaning.',
    },
  },
  whole: ['⤢ Whole map', 'Show the whole map again. A double click on the map does the same.'],
  modes: {
    gaussian: [
      'Gaussian q',
      'Drag a whole Gaussian q: variational inference by hand. In two dimensions q = N(m, diag(s²)); ' +
        'in more, the encoder’s q moved and stretched within the plane of the map.',
    ],
    point: ['Point z', 'Drag a single latent z.'],
  },
  layers: {
    manifold: ['Manifold', 'The decoded image at each place of a grid over the map; coordinates outside the map stay as they are: the chosen image’s own, until you move them.'],
    prior: ['Prior', 'The prior N(0, I) at one, two and three standard deviations.'],
    posterior: [
      'Posterior',
      'The true posterior p(z|x) of the chosen image under this model, by Bayes’ rule; lines around the smallest regions that hold 50 % and 95 % of it.',
    ],
  },
  slice:
    'The posterior is drawn within the plane, the other coordinates fixed; the ellipse of q is its projection, which is wider: compare where they lie, not their sizes.',
  zoom: ['Zoom', 'Zoom to where q and the posterior of this image lie, and back.'],
  draw: ['✎ Draw', 'Draw an image, or drop one from a file: its q, its posterior and its terms follow every stroke.'],
  sketch: {
    title: 'Draw an image',
    close: 'Put the pad away',
    move: 'Drag to move the pad out of the way',
    label: 'drawn',
    empty: 'Nothing is drawn yet: the image chosen before stays.',
    emptied: 'The pad is empty: the image chosen before is back.',
    fault: (why) => `The drawing could not be encoded: ${why}`,
    neighbours: 'Images of the data set whose codes lie nearest',
    neighbour: (label, index, distance) => `${label} · no. ${index} · ${distance.toFixed(2)} away in latent space`,
    unusable: 'The drawing in the address does not fit this model’s images, so image 0 is shown.',
  },
  dragged: 'What is dragged',
  layering: 'Layers',
  chosen: 'image',
  card: (label, index) => `${label} · no. ${index}`,
  anchor: (label) => `x: ${label}`,
  table: 'Terms in nats',
  unit: 'nats',
  densityUnit: 'nats (density)',
  scaleEnd: (value) => `${value} nats`,
  pictures: {
    decoded: { gaussian: ['E[x|z = m]', 'The expected image at the mean of q.'], point: ['E[x|z]', 'The expected image at z.'] },
  },
  // What x is: binary pixels, or grey and colour values as they are.
  observed: {
    binary: {
      anchor: ['x', 'The image whose terms are shown, made binary once and for all: what the likelihood sees.'],
      difference: [
        'log p(xᵢ|z)',
        'Log-likelihood of each pixel. Orange: ink in x that the decoder did not expect. Blue: ink expected where x has none.',
      ],
    },
    grey: {
      anchor: ['x', 'The image whose terms are shown, its values from 0 (black) to 1 (white): what the likelihood sees.'],
      difference: [
        'x − E[x|z]',
        'Difference of each pixel, colours averaged. Orange: x is brighter than expected. Blue: x is darker. Black: as expected.',
      ],
    },
  },
  // What the numbers are, by the family of p(x|z).
  likelihoods: {
    bernoulli: 'p(x|z) is the probability of binary pixels, so its logarithm is never positive.',
    'continuous-bernoulli':
      'p(x|z) is a density (a continuous Bernoulli over grey values from 0 to 1), so its logarithm, in nats, can be positive.',
    gaussian:
      'p(x|z) is a density (a Gaussian over values, with one learned scale for all pixels; white is 1), so its logarithm, in nats, can be positive.',
    'discretised-logistic': 'p(x|z) is the probability of the image’s 8-bit values, so its logarithm is never positive.',
  },
  terms: {
    reconstruction: ['Reconstruction', 'E_q[log p(x|z)]: the mean of log p(x|z) over z drawn from q.'],
    kl: ['KL(q ‖ p(z))', 'KL divergence of q from the prior p(z): the price of q in nats. Subtracted.'],
    elbo: ['ELBO', 'Reconstruction − KL: a lower bound on log p(x), whatever q you choose.'],
    gap: [
      'KL(q ‖ p(z|x))',
      'The inference gap log p(x) − ELBO: KL divergence of q from the true posterior. What you make smaller by a better q.',
    ],
    'log-evidence': ['log p(x)', 'The log evidence: log ∫ p(x|z) p(z) dz. It belongs to the image and the model; no q can move it.'],
    'log-likelihood': ['log p(x|z)', 'How probable x is at this z.'],
    'log-prior': ['log p(z)', 'Log-density of z under the prior.'],
    'log-posterior': ['log q(z|x)', 'Log-density of z under the encoder’s posterior for x.'],
    'log-weight': ['log p(x,z) − log q(z|x)', 'Its average over z drawn from the encoder’s q is the ELBO.'],
  },
  error: 'About how large the numerical error of the average over q is: a standard error, or the change when the grid of nodes was refined.',
  evidence: {
    waiting: 'log p(x) is being computed …',
    unknown: 'log p(x) is not known',
    beyond: (reach) => `more than ${reach.toLocaleString('en')} nats below`,
    none: (why) => `log p(x) is not known: ${why}`,
    elbo: 'ELBO',
    gap: 'gap to log p(x)',
    below: (gap) => `−${gap.toLocaleString('en')}`,
    end: '0',
    bar: 'log p(x) at the right end stays where it is; q moves the cut. The scale says how many nats below log p(x) the cut stands, and is logarithmic: the gap, KL(q ‖ p(z|x)), is what is missing. The dashed line is the encoder’s q.',
    tick: 'the encoder’s q',
    tail: (effective, samples) =>
      `About ${effective} of ${samples.toLocaleString('en')} draws carry this log p(x): they hardly reach where the posterior lies, so it is probably too low, ` +
      'and its ± does not know.',
    error: {
      quadrature: (evidence, nats) => (evidence.error >= 0.005 ? `± ${nats(evidence.error)}` : ''),
      importance: (evidence, nats) => (evidence.error === null ? 'error unknown' : `± ${nats(evidence.error)}`),
      browser: () => '≈',
    },
    methods: {
      quadrature: (evidence) => `By quadrature over latent space; numerical error about ${evidence.error.toExponential(0)} nats.`,
      importance: (evidence, nats) =>
        `By importance sampling: ${evidence.samples.toLocaleString('en')} draws from around the best Gaussian of this image, ` +
        `which weigh like ${nats(evidence.effective, 0)} equal ones. A lower bound in expectation. Where the posterior lies elsewhere ` +
        'too, a few draws carry the sum: then the estimate is too low, and its standard error cannot see what was never drawn.',
      browser: () => 'A coarse quadrature in this browser while you draw, which can miss a second peak; the server’s follows when the pen is lifted.',
    },
  },
  yours: { gaussian: 'your q', point: 'your z' },
  encoder: { gaussian: 'encoder’s q', point: 'encoder’s mean' },
  return: ['↺ Encoder', 'Put q (or z) back where the encoder puts it for this image.'],
  image: 'Image number',
  previous: 'Previous image',
  next: 'Next image',
  another: ['Random', 'Another image, by chance.'],
  better: (nats) => `${nats} nats better than the encoder’s q`,
  worse: (nats) => `${nats} nats below the encoder’s q`,
  same: 'level with the encoder’s q',
  about: 'about ',
  engines: {
    browser: ['decoded in this browser', 'The decoder runs on this computer, by onnxruntime-web. Nothing is sent while you drag.'],
    server: ['decoded on the server', 'The decoder runs on the server’s device, over a WebSocket.'],
  },
  // The server decodes although the model would be decoded here.
  instead: {
    wasm: ['decoded on the server: WebAssembly is not allowed here', 'This browser or a policy of its network refuses WebAssembly, so each place is sent to the server’s decoder.'],
    worker: ['decoded on the server: workers are not allowed here', 'This browser or a policy of its network refuses worker scripts, so each place is sent to the server’s decoder.'],
    failed: ['decoded on the server: the decoder stopped in this browser', 'The decoder did not run on this computer, so each place is sent to the server’s.'],
  },
  // The points are drawn on a canvas.
  plain: {
    none: 'No WebGL here: points are drawn on a plain canvas.',
    lost: 'WebGL was lost: points are drawn on a plain canvas. Reload the page to use WebGL again.',
    unloaded: 'plotly could not be loaded: points are drawn on a plain canvas.',
    asked: 'Points are drawn on a plain canvas, as the address asks.',
  },
  torch: {
    waiting: 'torch: asking …',
    moving: 'torch: on release',
    agrees: (nats) => `torch agrees to ${nats} nats`,
    differs: (nats) => `torch differs by ${nats} nats: trust torch’s number`,
    alone: 'torch answered, but there is nothing of this browser’s to compare',
    silent: (why) => `torch could not answer: ${why}`,
  },
  // What the map is, by its kind and its share of the codes' variance.
  plane: {
    identity: () => 'map: latent space itself',
    pca: (share) => `map: first two principal components, ${share} % of the codes’ variance; the other coordinates stay as they are.`,
    axes: (share) => `map: two latent dimensions, ${share} % of the codes’ variance; the other coordinates stay as they are.`,
    images: (share) => `map: the plane through three images, ${share} % of the codes’ variance; the other coordinates stay as they are.`,
    umap: (_, supervised) => (supervised ? 'map: UMAP that was told the labels, which lie apart here more than in latent space; the way back is approximate.' : 'map: UMAP, which keeps neighbourhoods and no distances; the way back is approximate.'),
  },
  mapping: {
    space: 'latent space itself is the map of this model, and needs no plane.',
    unknown: (name) => `there is no map “${String(name).slice(0, 40)}”.`,
    axes: (d) => `a plane wants two different dimensions from 1 to ${d}.`,
    images: (count) => `image numbers go from 0 to ${count - 1}.`,
    line: 'the codes of these three images lie on one line, so there is no plane: choose another one.',
    failed: (why) => `The map in the address cannot be shown: ${why.replace(/\.$/, '')}. The one the model opens on is shown.`,
    dimension: (number) => `z${[...String(number)].map((digit) => '₀₁₂₃₄₅₆₇₈₉'[digit]).join('')}`,
    through: ([a, b, c]) => [`A → B: from image ${a} towards ${b}`, `across it, towards C: ${c}`],
  },
  gallery: (count, replaced) =>
    `${replaced ? 'The data set of this name holds other images than this model’s' : 'The data set is not on this machine'}: ${count.toLocaleString('en')} images kept with the model are shown.`,
  dismiss: 'Dismiss',
  broken: (why) => `The map could not start: ${why}`,
  hiccup: (why) => `Not decoded: ${why}`,
  engineFaults: {
    lost: 'The connection to the server was lost.',
    unreachable: 'The server’s decoder cannot be reached.',
    stopped: 'The decoder could not be started.',
  },
  loading: 'Getting the decoder and the points …',
  handle: (u) => `Position on the map: ${u[0].toFixed(2)}, ${u[1].toFixed(2)}. Arrow keys move it, with Shift further.`,
  ellipses: 'Drawn to scale: q at one standard deviation (filled) and at two (line), which hold 39 % and 86 % of it. Dashed: the encoder’s q, in the same way. The corners only mark where to take it.',
  leader: 'Drag to change the scale of q along this axis. The ellipse is q to scale; where its end cannot be taken, this handle lies on a line beside it.',
  scale: (axis, value) => `Scale of q along ${axis}: ${value.toPrecision(3)}. Arrow keys change it.`,
  axes: { identity: ['z₁', 'z₂'], umap: ['UMAP 1', 'UMAP 2'], pca: ['first principal component', 'second principal component'] },
  map: 'Map of latent space',
  classes: 'Classes: press to hide or show',
};

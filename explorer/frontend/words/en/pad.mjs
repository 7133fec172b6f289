// Every word the drawing pad says to a person.

const size = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

export const words = {
  pad: 'Drawing pad',
  canvas:
    'Draw here with a pen, a finger or the mouse. With the keyboard: arrow keys move (with Shift further), ' +
    'Space puts the pen down and lifts it.',
  tools: 'Tools',
  pen: ['Pen', 'Draw in white on black, as the data are.'],
  colourPen: ['Pen', 'Draw.'],
  eraser: ['Eraser', 'Take ink away.'],
  colour: 'Colour of the pen',
  width: 'Width',
  undo: ['Undo', 'Take back the last stroke, clearing or file (Ctrl+Z).'],
  clear: ['Clear', 'Begin again; Undo brings it back.'],
  file: ['File …', 'Choose a picture. One can be dropped or pasted here too.'],
  centre: [
    'Centre like MNIST',
    'As MNIST’s images were made: the ink scaled to 20 of 28 pixels, its centre of mass in the middle. Off: the pad as it is.',
  ],
  invert: ['Invert', 'Exchange black and white: the data are bright on dark.'],
  seen: ['seen by the model', 'The image that is handed to the model.'],
  keys: { down: 'The pen is down: arrow keys draw, Space lifts it.', up: 'The pen is lifted: arrow keys move it, Space puts it down.' },
  faint: 'Nothing of this reaches the model: it is too faint or too thin at the model’s size.',
  faults: {
    empty: (name) => `${name} is empty, so nothing was loaded.`,
    heavy: (name, bytes, limit) => `${name} has ${size(bytes)}: pictures of up to ${limit / 1e6} MB can be loaded.`,
    large: (name, width, height, limit) =>
      `${name} is ${width} × ${height} pixels: pictures of up to ${limit / 1e6} megapixels can be loaded. Make it smaller first.`,
    stranger: (name) => `${name} is not a picture, so nothing was loaded. PNG, JPEG, GIF, WebP and BMP can be.`,
    broken: (name) => `${name} cannot be read as a picture: it is broken or of a kind this browser does not know. Nothing was loaded.`,
    unsized: (name) => `${name} is an SVG that does not say how large it is: give it a width and a height, or export it as PNG.`,
    blank: (name) => `${name} shows nothing: it has one colour throughout. Nothing was loaded.`,
    nothing: 'What was dropped is not a file. Drop a picture from a folder, or save it first.',
    failed: (name) => `${name} could not be loaded: this browser has not enough memory for it, perhaps.`,
  },
  pasted: 'The pasted picture',
  /** What was done with a file, from the facts. */
  loaded({ name, width, height, count, moving, thin, over, grey, bright, inverted, centre, binary }) {
    const done = [
      count > 1 && `the first of ${count} files`,
      moving && 'the first frame of an animation',
      over && `what is transparent over ${over}`,
      grey && 'its colours turned grey',
      inverted && (bright ? 'inverted, as its ground is bright' : 'inverted'),
      !inverted && bright && 'not inverted, though its ground is bright',
      centre === true && 'centred like MNIST',
      centre === false && 'the whole picture',
      binary === 'draw' && 'made binary by one draw of each pixel, as grey data are',
      binary === 'threshold' && 'made binary at one half',
    ].filter(Boolean);
    const narrow = thin ? ' It is so long and narrow that little of it is left.' : '';
    return `${name}, ${width} × ${height} pixels${done.map((fact) => `; ${fact}`).join('')}.${narrow}`;
  },
};

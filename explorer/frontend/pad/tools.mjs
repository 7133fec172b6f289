// The pad's tools: pen, eraser, width, colour, undo, clear, file, and how the drawing is handed on.

import { h } from '../core/dom.mjs';
import { words } from '../words/en/pad.mjs';

export const WIDTHS = [1, 8]; // in 28ths of the pad's longer side
// The pen's is the median width of the strokes of MNIST's test images (2.5; the middle nine tenths: 1.7 to 4.0).
const FIRST = { pen: 2.5, eraser: 5 };

export class Tools {
  /**
   * @param offered { colour, centre, invert }: which of these there are
   * @param actions undo, clear, file(list of files), centre(on), invert()
   */
  constructor(offered, actions) {
    this.tool = 'pen';
    this.widths = { ...FIRST };
    this.pen = this.button('pen', offered.colour ? words.colourPen : words.pen, () => this.take('pen'));
    this.eraser = this.button('eraser', words.eraser, () => this.take('eraser'));
    this.width = h('input', { type: 'range', min: WIDTHS[0], max: WIDTHS[1], step: 0.5, 'data-testid': 'drawing-width',
      oninput: () => { this.widths[this.tool] = Number(this.width.value); } });
    this.colour = h('input', { type: 'color', value: '#ffffff', class: 'lx-drawing-colour', title: words.colour, 'aria-label': words.colour,
      'data-testid': 'drawing-colour', oninput: () => this.take('pen') });
    this.undo = this.button('undo', words.undo, actions.undo);
    this.clear = this.button('clear', words.clear, actions.clear);
    const input = h('input', { type: 'file', accept: 'image/*', 'data-testid': 'drawing-file', onchange: () => {
      const files = [...input.files];
      input.value = ''; // so that the same one can be chosen again
      actions.file(files);
    } });
    this.centre = h('input', { type: 'checkbox', 'data-testid': 'drawing-centre', onchange: () => actions.centre(this.centre.checked) });
    this.invert = this.button('invert', words.invert, actions.invert);
    this.element = h('div', { class: 'lx-drawing-tools', role: 'group', 'aria-label': words.tools },
      h('div', { class: 'lx-drawing-row' }, h('div', { class: 'lx-segments' }, this.pen, this.eraser), offered.colour ? this.colour : null),
      h('label', { class: 'lx-drawing-width' }, words.width, this.width),
      h('div', { class: 'lx-drawing-row' }, this.undo, this.clear,
        h('label', { class: 'lx-button lx-drawing-file', title: words.file[1] }, words.file[0], input),
        offered.invert ? this.invert : null),
      offered.centre ? h('label', { class: 'lx-drawing-centre', title: words.centre[1] }, this.centre, words.centre[0]) : null);
    this.take('pen');
  }

  button(name, [label, tip], click) {
    return h('button', { type: 'button', class: 'lx-button', title: tip, 'data-testid': `drawing-${name}`, onclick: click }, label);
  }

  take(tool) {
    this.tool = tool;
    this.pen.setAttribute('aria-pressed', tool === 'pen');
    this.eraser.setAttribute('aria-pressed', tool === 'eraser');
    this.width.value = this.widths[tool];
  }

  /** What can be done, and what is on. */
  show({ undo, clear, centre, centrable, inverted, file }) {
    this.undo.disabled = !undo;
    this.clear.disabled = !clear;
    this.centre.checked = centre;
    this.centre.disabled = !centrable;
    this.invert.hidden = !file;
    this.invert.setAttribute('aria-pressed', inverted);
  }
}

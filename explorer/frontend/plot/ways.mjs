// How points can be drawn here: by plotly, which wants WebGL, or on a plain canvas.

import { script } from '../core/dom.mjs';

// Without these of WebGL's extensions plotly draws no points.
const NEEDED = ['ANGLE_instanced_arrays', 'OES_element_index_uint'];

let able; // WebGL was there once; where it has gone since, plotly finds out

/** Whether the browser has a WebGL that draws points: virtual machines and remote desktops often have none. */
export function hasWebGL() {
  able ||= probe();
  return able;
}

function probe() {
  try {
    const context = document.createElement('canvas').getContext('webgl');
    if (!context || context.isContextLost()) return false;
    const complete = NEEDED.every((name) => context.getExtension(name));
    context.getExtension('WEBGL_lose_context')?.loseContext(); // a browser keeps but a few of them
    return complete;
  } catch {
    return false;
  }
}

/**
 * { kind: 'plotly' or 'canvas', why } as soon as it can begin; `why` there is a canvas: 'asked', 'none' (no WebGL) or
 * 'unloaded' (plotly could not be fetched).
 * @param {?string} wanted the kind that the address asks for
 */
export async function wayToDraw(manifest, wanted) {
  if (wanted === 'canvas') return { kind: 'canvas', why: 'asked' };
  if (!hasWebGL()) return { kind: 'canvas', why: 'none' };
  try {
    await script(manifest.plotly);
  } catch {
    return { kind: 'canvas', why: 'unloaded' };
  }
  return { kind: 'plotly' };
}

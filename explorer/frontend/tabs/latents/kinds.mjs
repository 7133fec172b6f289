// Colours for a column of words: ten can be told apart, so the rarer words of a longer list share one, which the legend names.

import { classColour, COLOURS, GREY } from '../../core/colours.mjs';

/**
 * @param column { values: positions among kinds, float32 (n); kinds }
 * @returns { slots: for each word its place in the scale; colours(dark): of the scale's places, from the lowest;
 *   others: how many words share the last place, 0 where each has its own }
 */
export function coloursOfKinds({ values, kinds }) {
  const own = kinds.map((_, at) => at);
  if (kinds.length <= COLOURS) return { slots: own, colours: (dark) => own.map((i) => classColour(i, dark)), others: 0 };
  const counts = new Float64Array(kinds.length);
  for (const value of values) if (Number.isFinite(value)) counts[value] += 1;
  const shown = [...own].sort((a, b) => counts[b] - counts[a]).slice(0, COLOURS - 1).sort((a, b) => a - b);
  const slots = own.map((at) => (shown.includes(at) ? shown.indexOf(at) : shown.length));
  // The palette's own grey is the others': it is none of the nine, nor what an unknown value has.
  const palette = Array.from({ length: COLOURS }, (_, i) => i).filter((i) => i !== GREY);
  return { slots, colours: (dark) => [...palette, GREY].map((i) => classColour(i, dark)), others: kinds.length - shown.length };
}

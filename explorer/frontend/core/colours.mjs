// Ten colours told apart with the common kinds of colour blindness (lightness alternates
// between neighbours), one set for each theme. Classes are also named on the map itself.

const LIGHT = ['#332288', '#c9860a', '#117733', '#3ba0d8', '#882255', '#8f8f1d', '#44aa99', '#cc6677', '#555b66', '#aa4499'];
const DARK = ['#8f82e8', '#f0b440', '#3fae62', '#7cc8f2', '#d0598f', '#cccc55', '#5fd0bd', '#f08f9c', '#aab2bf', '#d581c8'];

export const COLOURS = LIGHT.length;
export const GREY = 8; // which of them is one

/** Whether an element stands on a dark background. */
export function isDark(element) {
  const probe = getComputedStyle(element).getPropertyValue('--st-background-color').trim();
  const match = /^#?([0-9a-f]{6})$/i.exec(probe);
  if (match) {
    const [r, g, b] = [0, 2, 4].map((i) => parseInt(match[1].slice(i, i + 2), 16));
    return 0.299 * r + 0.587 * g + 0.114 * b < 128;
  }
  return matchMedia('(prefers-color-scheme: dark)').matches;
}

export function classColour(index, dark) {
  const set = dark ? DARK : LIGHT;
  return set[index % set.length];
}

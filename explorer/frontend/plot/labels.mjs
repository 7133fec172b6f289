// The classes' names on the map, each at the middle of its points, and not over one another.

export const SIZE = 12; // pixels of the letters
const [WIDTH, HEIGHT] = [0.62 * SIZE, 1.35 * SIZE]; // of a letter and of a line, about
const ROUNDS = 12;
const FEW = 1_000; // points: a name hides none of so few

/** How far above the middle of its points a name stands, in pixels: the middle of a class may be a point of it. */
export function rise(count) {
  return count < FEW ? SIZE + 2 : 0;
}

/**
 * Where the names stand: [{ text, place: [x, y] in map units, shift: pixels up }].
 * @param names [{ text, centre: [x, y] in map units }]
 * @param unit pixels per map unit
 * @param count of all points
 */
export function nameLabels(names, unit, count) {
  const shifts = apart(names.map(({ text, centre: [x, y] }) => ({ x: x * unit, y: y * unit, width: WIDTH * text.length + 6 })));
  return names.map(({ text, centre }, at) => ({ text, place: centre, shift: shifts[at] + rise(count) }));
}

/** How far up or down each box has to go, in pixels, so that it lies over none: a few rounds of pushing two apart. */
export function apart(boxes) {
  const shifts = boxes.map(() => 0);
  for (let round = 0; round < ROUNDS; round++) {
    for (let a = 0; a < boxes.length; a++) {
      for (let b = a + 1; b < boxes.length; b++) {
        const beside = Math.abs(boxes[a].x - boxes[b].x) >= (boxes[a].width + boxes[b].width) / 2;
        const gap = boxes[a].y + shifts[a] - boxes[b].y - shifts[b];
        if (beside || Math.abs(gap) >= HEIGHT) continue;
        const push = (HEIGHT - Math.abs(gap)) / 2;
        shifts[a] += gap >= 0 ? push : -push;
        shifts[b] -= gap >= 0 ? push : -push;
      }
    }
  }
  return shifts;
}

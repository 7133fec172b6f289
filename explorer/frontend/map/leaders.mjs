// Where a scale's handle lies, and the scale that it stands for while it is dragged. Lengths in pixels along one axis,
// from the mean: `end` is that of the ellipse at one scale, `place` that of the handle.

export const REACH = 48; // at least: a finger's 44 pixels fit here beside the mean's
const EDGE = 14; // from the frame's edge at least, so that the handle is seen as a whole
const FOLD = 40; // dragged so far on a leader, a scale changes by a factor of e

/**
 * Where a handle rests: at the ellipse's end where it can be taken there, else on a leader.
 * @param end the ellipse's end
 * @param rooms [room, room] from the mean to the frame's edge on the positive and on the negative side
 * @param side 1 or -1, the side it lies on so far, which it keeps while it can
 * @returns {{side: number, place: number}} place is positive
 */
export function rest(end, rooms, side) {
  const wanted = Math.max(end, REACH);
  const room = (which) => rooms[which > 0 ? 0 : 1] - EDGE;
  for (const which of [side, -side]) if (room(which) >= wanted) return { side: which, place: wanted };
  const best = room(side) >= REACH || room(side) >= room(-side) ? side : -side;
  return { side: best, place: Math.max(Math.min(wanted, room(best)), REACH) };
}

/**
 * The ellipse's end while its handle is held: the same where it was taken; under the pointer once the two have met;
 * before that it changes by the same factor for every pixel.
 * @param start { end, place } as it was taken
 * @param place the pointer's, as the handle was taken
 */
export function dragged({ end, place: from }, place) {
  const led = end * Math.exp((place - from) / FOLD);
  if (end > from) return Math.max(place, led);
  if (end < from) return place < from ? led : Math.min(place, led);
  return place;
}

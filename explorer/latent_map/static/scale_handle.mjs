// Where the handle of a scale stands on its leader, and which scale it means there. Pixels throughout.
//
// Half the length of q's outer ellipse, two scales, is its reach. The handle stands CLEAR pixels beyond the ellipse's end,
// so that the end follows the pointer; where the reach is smaller than SMALL the distance is logarithmic, so that a
// narrow q can be changed little by little. It never stands nearer to the mean than LEAST, nor beyond the plot.

const CLEAR = 36;
const SMALL = 16;
const LEAST = 30;
const EDGE = 14; // of the plot, which it keeps away from
const ROOM = 90; // beside the mean, without which it stands on the other side where there is more
const FOLD = 80; // the pointer's way in which a q that goes beyond the plot grows e times as wide

function distance(reach) {
  return CLEAR + (reach < SMALL ? SMALL * (1 + Math.log(Math.max(reach, 1e-6) / SMALL)) : reach);
}

function reachAt(far) {
  const reach = far - CLEAR;
  return reach < SMALL ? SMALL * Math.exp(reach / SMALL - 1) : reach;
}

/** How far from the mean the handle stands, with `room` pixels until the plot's edge. */
export function standing(reach, room) {
  return Math.max(Math.min(distance(reach), room - EDGE), LEAST);
}

/** The reach after the pointer has gone `by` pixels outwards from where it took the handle of a q of this reach. */
export function dragged(reach, by, room) {
  if (distance(reach) > room - EDGE) return reach * Math.exp(by / FOLD);
  return reachAt(distance(reach) + by);
}

/** On which side of the mean: +1 or -1, with so much room after and before it; the side it is on where both will do. */
export function side(after, before, now = 1) {
  if ((now > 0 ? after : before) >= ROOM) return now;
  return after >= before ? 1 : -1;
}

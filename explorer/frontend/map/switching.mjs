// From one map of the same codes to another.

import { words } from '../words/en/map.mjs';

/** The map of the address and its points; where it cannot be had, a sentence and the one the model opens on. */
export async function firstMap(explore, points) {
  explore.opening = points.u;
  try {
    const found = await explore.mapping.find(explore.state.map, points.u);
    explore.plane.use(found.projection);
    explore.facts = found.facts;
    if (!explore.state.u && !explore.state.base) await enter(explore, found.projection);
    explore.view.turn();
    return found;
  } catch (error) {
    Object.assign(explore.state, { map: null, u: null, sigma: null, look: null });
    explore.view.say(words.mapping.failed(error.message));
    return { u: points.u };
  }
}

/** A plane through three images is entered at the first of them, so that it holds all three and not a parallel to it. */
async function enter({ mapping, manifest, state }, plane) {
  if (!plane.through) return;
  const d = manifest.latent;
  const codes = await mapping.codes();
  state.base = Float64Array.from(codes.subarray(plane.through[0] * d, (plane.through[0] + 1) * d));
  state.u = plane.project(state.base);
}

/**
 * Another map by its name, null for the opening one, as soon as nobody is in the midst of something on this one. z, or the
 * mean of q, stays where it is in latent space, but on a plane through three images, see enter(); the scales of q are the
 * encoder's again, since they were lengths along the axes of the map before.
 */
export async function switchTo(explore, name) {
  const wanted = (explore.wantedMap = {});
  const { state, plane } = explore;
  const found = await explore.mapping.find(name, explore.opening);
  const late = () => explore.gone || wanted !== explore.wantedMap;
  while (!late() && explore.hands.busy) await explore.hands.free();
  if (late() || plane.shown === found.projection) return;
  const turn = (explore.switching = {});
  const stale = () => explore.gone || turn !== explore.switching; // another map is on screen, and told of
  const stays = !explore.measuring.atEncoder(state);
  const z = explore.z();
  plane.use(found.projection);
  explore.facts = found.facts;
  explore.background.forget();
  explore.weighing.forget();
  Object.assign(state, { map: name, base: null, look: null }, explore.encoderAt());
  if (stays) Object.assign(state, { base: z, u: plane.project(z) });
  await enter(explore, found.projection);
  explore.lifted = state.base;
  explore.measuring.forget();
  await explore.plot.setPoints(found.u, explore.range());
  if (!stale() && state.zoom) await explore.zoom();
  if (stale()) return;
  explore.view.turn();
  explore.weighing.turn();
  explore.background.draw();
  explore.place();
  explore.measuring.push('live');
  explore.measuring.encoder().catch((error) => explore.trouble(error));
  explore.rest();
  explore.announce('map');
}

// The tabs of the page of the ELBO.

import { style } from '../dom.mjs';
import { sceneOf } from '../scene.mjs';
import { Tabs } from '../tabs.mjs';
import { Derivation } from './derivation.mjs';
import { GapPicture } from './gap_picture.mjs';
import { Game } from './game.mjs';
import { Ladder } from './ladder.mjs';
import { Units } from './units.mjs';
import { words } from './words.mjs';

const TABS = [Game, Derivation, Ladder, Units, GapPicture];
const STYLES = ['anatomy.css', 'bounds.css', 'gaps.css'];

/** @param explore the map, see ../explore.mjs */
export function makeTabs(explore) {
  for (const name of STYLES) style(new URL(`./${name}`, import.meta.url).href);
  const scene = sceneOf(explore);
  return new Tabs(scene, TABS.map((Tab) => new Tab(scene)), words);
}

// The tabs of the page of the ELBO.

import { style } from '../../core/dom.mjs';
import { sceneOf } from '../../map/scene.mjs';
import { Tabs } from '../tabs.mjs';
import { Derivation } from './derivation.mjs';
import { GapPicture } from './gaps/gap_picture.mjs';
import { Game } from './game.mjs';
import { Ladder } from './bounds/ladder.mjs';
import { Units } from './bounds/units.mjs';
import { words } from '../../words/en/elbo.mjs';

const TABS = [Game, Derivation, Ladder, Units, GapPicture];
const STYLES = ['elbo.css', 'bounds/bounds.css', 'gaps/gaps.css'];

/** @param explore the map, see ../explore.mjs */
export function makeTabs(explore) {
  for (const name of STYLES) style(new URL(`./${name}`, import.meta.url).href);
  const scene = sceneOf(explore);
  return new Tabs(scene, TABS.map((Tab) => new Tab(scene)), words);
}

// The tabs of the page of the latents: the map itself, dimensions, paths, neighbours, selections.

import { style } from '../../core/dom.mjs';
import { sceneOf } from '../../map/scene.mjs';
import { Tabs } from '../tabs.mjs';
import { Believing } from './doubt/believing.mjs';
import { Colouring } from './columns/colouring.mjs';
import { Columns } from './columns/columns.mjs';
import { Dimensions } from './dimensions.mjs';
import { MapTab } from './map_tab.mjs';
import { NeighboursTab } from './neighbours_tab.mjs';
import { Paths } from './paths/paths.mjs';
import { Selection } from './selection.mjs';
import { words } from '../../words/en/latents.mjs';

const TABS = [MapTab, Dimensions, Paths, NeighboursTab, Selection];

/** @param explore the map, see ../explore.mjs */
export function makeTabs(explore) {
  style(new URL('./latents.css', import.meta.url).href);
  const scene = sceneOf(explore);
  scene.believing = new Believing(scene);
  scene.columns = new Columns(scene);
  scene.colouring = new Colouring(scene);
  explore.view.addLegend(scene.colouring.element, (dark) => scene.colouring.recolour(dark));
  explore.view.panel.element.classList.add('lx-without-bar');
  const tabs = new Tabs(scene, TABS.map((Tab) => new Tab(scene)), words);
  const { changed, destroy } = tabs;
  tabs.changed = (what) => {
    scene.believing.changed(what);
    scene.colouring.changed(what);
    changed.call(tabs, what);
  };
  tabs.coloured = (index, own) => scene.colouring.told(index, own);
  tabs.destroy = () => {
    scene.believing.destroy();
    destroy.call(tabs);
  };
  return tabs;
}

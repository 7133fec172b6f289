// The thumbnail of the point under the pointer.

export class Hovering {
  /** @param explore the map, see explore.mjs */
  constructor(explore) {
    this.explore = explore;
  }

  async over(index, event) {
    const { explore } = this;
    this.index = index;
    const image = await explore.sheets.image(index).catch(() => null);
    if (image && this.index === index && !explore.gone) explore.view.showThumbnail(index, explore.labelOf(index), image.grey, event);
  }

  stop() {
    this.index = undefined; // a thumbnail that is still on its way comes too late
    this.explore.view.hideThumbnail();
  }
}

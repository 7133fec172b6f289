// The thumbnail of the point under the pointer, and what is known of its image.

/** The end of a file's name, where it is long: the folders before it tell the least. */
export function fileEnd(file, most = 34) {
  return file && file.length > most ? `…${file.slice(1 - most)}` : file ?? '';
}

export class Hovering {
  /** @param explore the map, see live_map.mjs */
  constructor(explore) {
    this.explore = explore;
  }

  async over(index, event) {
    const { explore } = this;
    this.index = index;
    const [image, own] = await Promise.all([explore.sheets.image(index), explore.sheets.own(index)].map((found) => found.catch(() => null)));
    if (!image || this.index !== index || explore.gone) return;
    const lines = [fileEnd(own?.file), explore.tabs?.coloured?.(index, own)].filter(Boolean);
    explore.view.showThumbnail(index, explore.labelOf(index), image.grey, event, lines);
  }

  stop() {
    this.index = undefined; // a thumbnail that is still on its way comes too late
    this.explore.view.hideThumbnail();
  }
}

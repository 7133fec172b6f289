// Which image is on screen: one of the data set, by its number, or one that somebody draws.

export class Choosing {
  /** @param explore the map, see live_map.mjs */
  constructor(explore) {
    this.explore = explore;
  }

  async anchorOf(index) {
    const { sheets } = this.explore;
    const [image, posterior] = await Promise.all([sheets.image(index), sheets.posterior(index)]);
    return { index, ...image, ...posterior };
  }

  /** Another image of the data set: the handle goes to its posterior. */
  async choose(index) {
    const { explore } = this;
    const { manifest, state, weighing } = explore;
    const wanted = (this.wanted = Math.min(Math.max(Math.round(index) || 0, 0), manifest.count - 1));
    try {
      weighing.begin(wanted).catch(() => {}); // said when it is awaited
      const anchor = await this.anchorOf(wanted);
      if (explore.gone || wanted !== this.wanted) return;
      weighing.clear();
      explore.setAnchor(anchor);
      explore.returnToEncoder();
      const weighed = weighing.weigh(anchor);
      if (state.zoom) explore.zoom(); // to q at once, to the posterior when it is known
      await explore.measuring.encoder();
      await weighed;
      if (state.zoom && anchor === explore.anchor) await explore.zoom();
      if (anchor === explore.anchor) explore.background.turned();
    } catch (error) {
      if (wanted === this.wanted) this.stay();
      explore.trouble(error);
    }
  }

  /** So many images further, counted from the one that is on its way. */
  step(by) {
    return this.choose((this.wanted ?? this.explore.state.image ?? 0) + by);
  }

  /** The image that was wanted cannot be had: the one on screen stays chosen. */
  stay() {
    const { explore } = this;
    this.wanted = undefined;
    if (!explore.gone) explore.nameAnchor();
  }

  /** A drawn image: every stroke is a new anchor, weighed roughly until the pen is lifted. */
  take(anchor, still) {
    const { explore } = this;
    this.wanted = undefined;
    if (explore.manifest.latent > 2) explore.weighing.clear(); // the slice of another image
    explore.setAnchor(anchor);
    Object.assign(explore.state, { base: null }, explore.encoderAt());
    explore.torch.cancel();
    explore.place();
    explore.measuring.push('live');
    const fault = (error) => explore.trouble(error);
    if (!still) {
      explore.measuring.encoder({ fine: false }).catch(fault);
      explore.weighing.weigh(anchor, { rough: true });
      return;
    }
    explore.rest();
    explore.background.turned();
    explore.measuring.encoder().catch(fault);
    explore.weighing.weigh(anchor).then(() => explore.state.zoom && anchor === explore.anchor && explore.zoom());
  }
}

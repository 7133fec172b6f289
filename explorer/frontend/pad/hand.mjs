// What a hand does on the canvas: with a pointer of any kind, and with the keyboard.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAR = 4; // with Shift
const PEN_ERASER = 32; // in PointerEvent.buttons: the other end of a pen

export class Hand {
  /**
   * @param surface its canvas's pixels are the unit of points
   * @param actions begin(point, { erase }), extend(point), finish(), hover(point or null), said(down)
   */
  constructor(surface, actions) {
    this.surface = surface;
    this.actions = actions;
    this.pointer = null; // the one that draws; another finger meanwhile is none
    this.down = false; // the pen, by keyboard
    this.at = [surface.width / 2, surface.height / 2];
    const { canvas } = surface;
    const listen = (name, act) => canvas.addEventListener(name, (event) => act.call(this, event));
    listen('pointerdown', this.press);
    listen('pointermove', this.move);
    listen('pointerup', this.release);
    listen('pointercancel', this.release);
    listen('lostpointercapture', this.release);
    listen('pointerleave', () => actions.hover(null));
    listen('keydown', this.key);
    listen('blur', () => {
      this.lift();
      actions.hover(null);
    });
  }

  point(event) {
    const { canvas, width, height } = this.surface;
    const frame = canvas.getBoundingClientRect();
    return [((event.clientX - frame.left) / frame.width) * width, ((event.clientY - frame.top) / frame.height) * height];
  }

  press(event) {
    if (this.pointer !== null || !event.isPrimary || (event.button !== 0 && !(event.buttons & PEN_ERASER))) return;
    this.lift();
    this.pointer = event.pointerId;
    event.target.setPointerCapture(event.pointerId);
    this.at = this.point(event);
    this.actions.begin(this.at, { erase: Boolean(event.buttons & PEN_ERASER) });
  }

  move(event) {
    if (event.pointerType !== 'touch') this.actions.hover(this.point(event));
    if (event.pointerId !== this.pointer) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const each of passed.length > 0 ? passed : [event]) {
      this.at = this.point(each);
      this.actions.extend(this.at);
    }
  }

  release(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.actions.finish();
  }

  key(event) {
    if (event.key === ' ' || event.key === 'Enter') {
      event.preventDefault();
      if (event.repeat || this.pointer !== null) return;
      this.down = !this.down;
      if (this.down) this.actions.begin(this.at, { erase: false });
      else this.actions.finish();
      this.actions.hover(this.at);
      this.actions.said(this.down);
    } else if (event.key === 'Escape' && this.down) {
      this.lift();
      this.actions.said(false);
    } else if (STEPS[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      if (this.pointer !== null) return;
      const { unit, width, height } = this.surface;
      const far = (event.shiftKey ? FAR : 1) * unit;
      const [dx, dy] = STEPS[event.key];
      this.at = [Math.min(width, Math.max(0, this.at[0] + far * dx)), Math.min(height, Math.max(0, this.at[1] + far * dy))];
      if (this.down) this.actions.extend(this.at);
      this.actions.hover(this.at);
    }
  }

  /** Ends a stroke of either kind. */
  lift() {
    if (!this.down && this.pointer === null) return;
    this.down = false;
    this.pointer = null;
    this.actions.finish();
  }
}

// Something that lies over the map and can be pushed aside. Nothing else moves it: its place is counted from the map's
// upper left corner, so that whatever it comes to hold grows downward from there.

const GAP = 10; // from the map's sides
const BELOW = 44; // and from its upper and lower edges

export class Movable {
  /**
   * @param {HTMLElement} element at the upper left corner of its parent
   * @param {number} tall pixels to keep below its upper edge for what it will hold
   */
  constructor(element, tall) {
    this.element = element;
    this.tall = tall;
    this.resized = () => this.placed && !element.hidden && this.put(...this.placed);
    addEventListener('resize', this.resized);
  }

  /** On opening: at the side of the map where the handle, at x pixels from its left edge, is not. */
  aside(x) {
    if (this.placed && (this.moved || x === null)) return this.put(...this.placed); // the window may have become smaller since
    const { clientWidth: width, clientHeight: height } = this.element.parentElement;
    const right = width - this.element.offsetWidth - GAP;
    this.put(x !== null && x > width / 2 ? GAP : right, Math.max(height - this.tall - BELOW, BELOW));
  }

  /** Dragged by one of its parts. */
  by(grip) {
    grip.addEventListener('pointerdown', (event) => {
      if (event.target.closest('button') || getComputedStyle(this.element).position === 'static') return;
      event.preventDefault();
      grip.setPointerCapture(event.pointerId);
      const [x, y] = this.placed;
      const move = ({ clientX, clientY }) => {
        this.moved = true;
        this.put(x + clientX - event.clientX, y + clientY - event.clientY);
      };
      const end = () => {
        grip.removeEventListener('pointermove', move);
        for (const name of ['pointerup', 'pointercancel']) grip.removeEventListener(name, end);
      };
      grip.addEventListener('pointermove', move);
      for (const name of ['pointerup', 'pointercancel']) grip.addEventListener(name, end);
    });
  }

  /** So far from its parent's corner; its head stays within the window. */
  put(x, y) {
    const { element } = this;
    const corner = element.parentElement.getBoundingClientRect();
    const within = (value, low, high) => Math.min(Math.max(value, low), Math.max(high, low));
    const left = within(corner.left + x, 0, innerWidth - element.offsetWidth);
    const top = within(corner.top + y, 0, innerHeight - 60);
    this.placed = [left - corner.left, top - corner.top];
    element.style.transform = `translate(${this.placed[0]}px, ${this.placed[1]}px)`;
  }

  destroy() {
    removeEventListener('resize', this.resized);
  }
}

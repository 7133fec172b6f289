// Something that lies over the map and can be pushed aside.

export class Movable {
  /** @param {HTMLElement} element absolutely placed within its parent */
  constructor(element) {
    this.element = element;
    this.offset = [0, 0];
  }

  /** On opening: at the side of the map where the handle, at x pixels from its left edge, is not. */
  aside(x) {
    const { element } = this;
    if (this.moved || x === null) return this.put(...this.offset); // the window may have become smaller since
    const room = element.parentElement.clientWidth - element.offsetWidth - 20;
    this.put(x > element.parentElement.clientWidth / 2 ? -room : 0, 0);
  }

  /** Dragged by one of its parts. */
  by(grip) {
    grip.addEventListener('pointerdown', (event) => {
      if (event.target.closest('button') || getComputedStyle(this.element).position === 'static') return;
      event.preventDefault();
      grip.setPointerCapture(event.pointerId);
      const [x, y] = this.offset;
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

  /** So far from where it lies of itself; its head stays within the window. */
  put(x, y) {
    const { element } = this;
    const [before, above] = this.offset;
    const box = element.getBoundingClientRect();
    const within = (value, low, high) => Math.min(Math.max(value, low), Math.max(high, low));
    const left = within(box.left - before + x, 0, innerWidth - box.width);
    const top = within(box.top - above + y, 0, innerHeight - 60);
    this.offset = [left - (box.left - before), top - (box.top - above)];
    element.style.transform = `translate(${this.offset[0]}px, ${this.offset[1]}px)`;
  }
}

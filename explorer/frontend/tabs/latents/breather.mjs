// Long work in small pieces, beside a map that somebody drags.

const SLICE_MS = 4; // of a frame's sixteen

/**
 * A function to await between pieces of work: it gives the thread back when a slice is used up, and goes on when nothing
 * is being decoded.
 * @param idle () -> promise, see Measuring.idle
 */
export function breather(idle = async () => {}) {
  let began = performance.now();
  return async () => {
    if (performance.now() - began < SLICE_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    await idle();
    began = performance.now();
  };
}

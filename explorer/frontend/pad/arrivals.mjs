// Files that arrive at an element: dropped onto it, or pasted anywhere on its page.

/**
 * @param {HTMLElement} element
 * @param {function} take take(files), an array that is empty where what was dropped is not a file
 * @returns a function that stops listening to the page
 */
export function arrivals(element, take) {
  const over = (on) => (event) => {
    event.preventDefault(); // else the browser would leave the page for the file
    element.classList.toggle('lx-drawing-over', on);
  };
  element.addEventListener('dragenter', over(true));
  element.addEventListener('dragover', over(true));
  element.addEventListener('dragleave', (event) => {
    if (!element.contains(event.relatedTarget)) over(false)(event);
  });
  element.addEventListener('drop', (event) => {
    over(false)(event);
    take([...event.dataTransfer.files]);
  });
  const paste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    const seen = element.getClientRects().length > 0; // a pad that was put away takes nothing
    if (event.defaultPrevented || files.length === 0 || !seen) return; // words are pasted elsewhere
    event.preventDefault();
    take(files);
  };
  document.addEventListener('paste', paste);
  return () => document.removeEventListener('paste', paste);
}

// The one file of the training view that knows Streamlit. Its default export is called again
// whenever data or the theme changes, so it keeps one monitor an element and a run.

const monitors = new WeakMap();

export default function ({ parentElement, data: [data] }) {
  const identity = JSON.stringify([data.entry, data.base, data.explore]);
  const before = monitors.get(parentElement);
  if (before?.identity === identity) {
    before.monitor.then((monitor) => {
      monitor.compare(data.compare ?? [], data.refused ?? []);
      monitor.restyle();
    }, () => {});
  } else {
    const root = parentElement.querySelector('.lt-root');
    const monitor = (async () => {
      (await before?.monitor.catch(() => undefined))?.destroy();
      const { Monitor } = await import(new URL(data.entry, document.baseURI).href);
      return new Monitor(root, data);
    })();
    // A front end that could not be loaded is tried again at the next chance.
    monitor.catch((error) => {
      monitors.delete(parentElement);
      root.textContent = `The training view could not be loaded: ${error.message} Reload the page.`;
    });
    monitors.set(parentElement, { identity, monitor });
  }
  return () => {
    monitors.get(parentElement)?.monitor.then((monitor) => monitor.destroy(), () => {});
    monitors.delete(parentElement);
  };
}

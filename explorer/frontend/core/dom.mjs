// Small helpers to build elements; text goes in as text, never as markup.

/** An element with attributes, then children (elements or strings). `class` and `on…` are understood. */
export function h(tag, attributes = {}, ...children) {
  const node = tag.startsWith('svg:')
    ? document.createElementNS('http://www.w3.org/2000/svg', tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name.startsWith('aria-')) node.setAttribute(name, value); // there, false is a value
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

const formats = new Map();

/** A number as people read it: a true minus sign, commas between thousands, fixed decimals. */
export function nats(value, decimals = 2) {
  if (Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value < 0 ? '−∞' : '∞';
  if (!formats.has(decimals)) {
    formats.set(
      decimals,
      new Intl.NumberFormat('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals }),
    );
  }
  return formats.get(decimals).format(value).replace('-', '−');
}

const RAISED = { '-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹' };

/** A size as people read it: one digit times a power of ten. */
export function power(value) {
  if (value === 0) return '0';
  const [digit, exponent] = value.toExponential(0).split('e');
  return `${digit}·10${[...exponent].map((sign) => RAISED[sign] ?? '').join('')}`;
}

/** A script tag's promise; a script is loaded once a page. */
const scripts = new Map();
export function script(url) {
  if (!scripts.has(url)) {
    const loading = new Promise((resolve, reject) => {
      const node = h('script', { src: url, onload: resolve, onerror: () => reject(new Error(`${url} could not be loaded.`)) });
      document.head.append(node);
    });
    loading.catch(() => scripts.delete(url));
    scripts.set(url, loading);
  }
  return scripts.get(url);
}

/** A style sheet's promise. */
const styles = new Map();
export function style(url) {
  if (!styles.has(url)) {
    styles.set(
      url,
      new Promise((resolve) => {
        document.head.append(h('link', { rel: 'stylesheet', href: url, onload: resolve, onerror: resolve }));
      }),
    );
  }
  return styles.get(url);
}

/** Gives a person a file. */
export function download(blob, name) {
  const link = h('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

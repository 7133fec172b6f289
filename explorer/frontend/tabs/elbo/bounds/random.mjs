// Standard normal numbers from a seed: the same ones in every browser, and however many are asked for at once.

/** Uniform on the 2^32 fractions (i + 1/2) / 2^32, by sfc32 (Doty-Humphrey's small fast counter generator). */
function uniforms(seed) {
  let a = 0, b = seed | 0, c = 0x9e3779b9 | 0, counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return ((sum >>> 0) + 0.5) / 0x100000000;
  };
  for (let i = 0; i < 16; i++) next(); // neighbouring seeds part
  return next;
}

/** A stream of N(0, 1): `fill(array)` writes the next numbers into it (Box & Muller 1958). */
export class Normals {
  constructor(seed = 0) {
    this.uniform = uniforms(seed);
    this.spare = null;
  }

  fill(array) {
    for (let i = 0; i < array.length; i++) array[i] = this.next();
    return array;
  }

  next() {
    if (this.spare !== null) {
      const value = this.spare;
      this.spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

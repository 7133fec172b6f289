// A selection against the rest: means, and how many standard deviations they lie apart.

/** Of a column's values where `mask` says so and where not: { count, mean } each, and the difference in deviations. */
export function compare(values, mask) {
  const sums = [{ count: 0, total: 0 }, { count: 0, total: 0 }];
  let all = 0, total = 0, square = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) continue;
    const side = sums[mask[i] ? 0 : 1];
    side.count += 1;
    side.total += value;
    all += 1;
    total += value;
  }
  const mean = total / all;
  for (const value of values) if (Number.isFinite(value)) square += (value - mean) ** 2;
  const deviation = Math.sqrt(square / all);
  const [own, rest] = sums.map(({ count, total: sum }) => ({ count, mean: count ? sum / count : NaN }));
  return { own, rest, difference: deviation > 0 ? (own.mean - rest.mean) / deviation : 0 };
}

/** The same for whether a value is `kind`: shares in the place of means. */
export function compareShare(values, kind, mask) {
  return compare(Float32Array.from(values, (value) => (Number.isFinite(value) ? Number(value === kind) : NaN)), mask);
}

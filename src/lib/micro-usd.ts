// Money as whole micro-dollars wherever it is stored or added up; dollars only at the edges where people read them.

const MICRO_USD = 1_000_000;

/** Rounded up, so that no sum of costs is ever below what was spent; odd values count as nothing. */
export function toMicroUsd(usd: number): number {
  if (!Number.isFinite(usd) || usd <= 0) return 0;
  // Without the cut, 0.000123 dollars would be 123.00000000000001 micro-dollars, and then 124.
  return Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(Number((usd * MICRO_USD).toFixed(3))));
}

export function toUsd(microUsd: number): number {
  return microUsd / MICRO_USD;
}

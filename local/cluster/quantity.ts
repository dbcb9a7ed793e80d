const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** `100m`, `1.5`, `256Mi`, `1e3`; NaN where it is none. */
export function parseQuantity(text: unknown): number {
  const [, digits, suffix = ""] = /^([+-]?[\d.]+(?:[eE]\d+)?)([A-Za-z]*)$/.exec(String(text)) ?? [];
  return Number(digits) * (suffixes[suffix] ?? Number.NaN);
}

export function formatQuantity(value: number): string {
  if (!Number.isInteger(value)) return `${Math.round(value * 1000)}m`;
  for (const suffix of ["Gi", "Mi", "Ki"]) {
    const unit = suffixes[suffix] ?? 1;
    if (value >= unit && value % unit === 0) return `${value / unit}${suffix}`;
  }
  return String(value);
}

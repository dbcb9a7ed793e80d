const FACTOR: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/**
 * A Kubernetes amount (`250m`, `0.5`, `256Mi`) as a number of cores or bytes, for comparing only: what is sent stays as written.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function parseQuantity(amount: string): number | null {
  const [, digits, suffix = ""] = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$/.exec(amount) ?? [];
  const factor = FACTOR[suffix];
  return digits === undefined || factor === undefined ? null : Number(digits) * factor;
}

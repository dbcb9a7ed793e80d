/** 4250 → "42.50 €" */
export const price = (cents) => `${(cents / 100).toFixed(2)} €`;

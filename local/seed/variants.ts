import { shopFiles } from "./shop.ts";

export type Variant = "good" | "failing-test" | "crashing" | "never-ready" | "slow-start";

/**
 * What to commit on top of the shop for each kind of version; `n` makes the version number. Every variant writes the same
 * files, so a good version also undoes a bad one.
 */
export const variants: Readonly<Record<Variant, (n: number) => Record<string, string>>> = {
  good: (n) => version(n, {}),
  "failing-test": (n) => version(n, { "price.js": ROUNDED_PRICE }),
  crashing: (n) => version(n, { "catalogue.js": CRASHING_CATALOGUE }),
  "never-ready": (n) => version(n, { "catalogue.js": LOADING_CATALOGUE }),
  "slow-start": (n) => version(n, { "catalogue.js": SLOW_CATALOGUE }),
};

function version(n: number, changes: Record<string, string>): Record<string, string> {
  const shop = shopFiles();
  const manifest = (shop["package.json"] ?? "").replace(/"version": "[^"]*"/, `"version": "1.${n}.0"`);
  return {
    "package.json": manifest,
    "price.js": shop["price.js"] ?? "",
    "catalogue.js": shop["catalogue.js"] ?? "",
    ...changes,
  };
}

const ROUNDED_PRICE = `/** 4250 → "42.50 €" */
export const price = (cents) => \`\${Math.round(cents / 100)} €\`;
`;

// The tests bring a catalogue of their own, so only the started process meets this one.
const CRASHING_CATALOGUE = `/** What is for sale, from the warehouse's settings. */
export async function openCatalogue() {
  const settings = readSettings();
  return { products: settings.warehouse.products, isReady: () => true };
}

function readSettings() {
  return { currency: "EUR" };
}
`;

const LOADING_CATALOGUE = `/** What is for sale, once the warehouse has answered. */
export async function openCatalogue() {
  let products = [];
  const load = async () => {
    throw new Error("connect ECONNREFUSED warehouse:5432");
  };
  const retry = () => load().then((loaded) => (products = loaded), (error) => console.error("catalogue not loaded: " + error.message));
  setInterval(retry, 2000);
  await retry();
  return { products, isReady: () => products.length > 0 };
}
`;

const SLOW_CATALOGUE = `/** What is for sale, after reading all of it into memory. */
export async function openCatalogue() {
  console.log("reading the catalogue, this takes a while");
  await new Promise((done) => setTimeout(done, 8000));
  const products = [
    { name: "Ship's bell", cents: 8900 },
    { name: "Compass", cents: 4250 },
    { name: "Sextant", cents: 31000 },
  ];
  return { products, isReady: () => true };
}
`;

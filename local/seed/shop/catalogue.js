/** What is for sale. `isReady` is what /healthz answers by. */
export async function openCatalogue() {
  const products = [
    { name: "Ship's bell", cents: 8900 },
    { name: "Compass", cents: 4250 },
    { name: "Oilskin", cents: 12500 },
  ];
  return { products, isReady: () => true };
}

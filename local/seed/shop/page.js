import { price } from "./price.js";

export function page({ catalogue, version, commit }) {
  const rows = catalogue.products.map(({ name, cents }) => `<li><span>${name}</span><b>${price(cents)}</b></li>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>shop ${version}</title>
<style>
  body { font: 18px/1.5 system-ui; max-width: 28em; margin: 12vh auto; padding: 0 1em; color: #123; background: #f4f7fa }
  h1 { margin: 0 }
  ul { list-style: none; padding: 0 }
  li { display: flex; justify-content: space-between; padding: .6em 0; border-bottom: 1px solid #cdd8e2 }
  footer { color: #678; font-size: 14px }
</style>
<h1>shop</h1>
<p>For those who go to sea.</p>
<ul>${rows.join("\n")}</ul>
<footer>version ${version} · commit ${commit.slice(0, 7)}</footer>
</html>
`;
}

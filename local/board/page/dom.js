const templates = new WeakMap();

/**
 * el`<p class=${name}>${text} ${child}</p>`: one element. The markup is this page's own source; what is put in becomes text,
 * nodes or attribute values and is never parsed. null and false put in nothing, and as an attribute's value leave it out.
 */
export function el(strings, ...values) {
  if (!templates.has(strings)) templates.set(strings, compile(strings));
  const root = templates.get(strings).content.firstElementChild.cloneNode(true);
  for (const element of [root, ...root.querySelectorAll("*")])
    for (const { name, value } of [...element.attributes])
      if (value.startsWith("$")) set(element, name, values[Number(value.slice(1))]);
  const places = document.createTreeWalker(root, NodeFilter.SHOW_COMMENT);
  const found = [];
  while (places.nextNode()) found.push(places.currentNode);
  for (const place of found) place.replaceWith(...nodes(values[Number(place.data)]));
  return root;
}

/** What can stand in an element: text, nodes, lists of them; nothing where there is nothing. */
export const nodes = (value) => [value].flat(9).filter((each) => each !== null && each !== undefined && each !== false);

function compile(strings) {
  const template = document.createElement("template");
  let html = "";
  for (const [i, string] of strings.entries()) {
    html += string.replace(/\n\s*/g, "");
    if (i < strings.length - 1) html += html.lastIndexOf("<") > html.lastIndexOf(">") ? `"$${i}"` : `<!--${i}-->`;
  }
  template.innerHTML = html;
  return template;
}

function set(element, name, value) {
  // The page's policy forbids style attributes; this way of setting one is allowed.
  if (name === "hue") element.style.setProperty("--hue", value);
  if (name === "hue" || value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : value);
}

/** Makes `from` look like `to` and changes only what differs, so focus, selection, scroll and opened details stay. */
export function morph(from, to) {
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  for (const { name } of [...from.attributes]) if (!mine(name) && !to.hasAttribute(name)) from.removeAttribute(name);
  for (const { name, value } of to.attributes)
    if (!mine(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
  if (from.style.cssText !== to.style.cssText) from.style.cssText = to.style.cssText;

  const keyed = new Map([...from.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let at = from.firstChild;
  for (const child of [...to.childNodes]) {
    const found = keyOf(child) ? keyed.get(keyOf(child)) : at;
    const match = found && found.nodeName === child.nodeName && keyOf(found) === keyOf(child) ? found : null;
    if (match === null) from.insertBefore(child, at);
    else {
      if (match === at) at = at.nextSibling;
      else from.insertBefore(match, at);
      morph(match, child);
    }
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** Whether details are open is the reader's choice once they are there. */
const mine = (name) => name === "open" || name === "style";
const keyOf = (node) => node.dataset?.key;

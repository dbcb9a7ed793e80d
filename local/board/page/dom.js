/** `h("a", { href }, "text", child, [more])`: an element. Text stays text: nothing that comes from outside becomes markup. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    // The page's policy forbids style attributes; this way of setting one is allowed.
    if (name === "style") for (const [property, to] of Object.entries(value)) element.style.setProperty(property, to);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
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

import { el } from "./dom.js";

/** The part of GitHub's markdown that reports are written in. HTML in it stays text, but for `<details>` with its summary. */
export function markdown(source) {
  const lines = source.replace(/<!--[\s\S]*?-->/g, "").split(/\r?\n/);
  return el`<div class="markdown">${blocks(lines)}</div>`;
}

const HEADINGS = [(text) => el`<h3>${text}</h3>`, (text) => el`<h4>${text}</h4>`, (text) => el`<h5>${text}</h5>`];
const START = {
  heading: /^#{1,6} /,
  fence: /^\s*```/,
  quote: /^>/,
  item: /^\s*[-*] /,
  number: /^\s*\d+\. /,
  row: /^\|/,
};
const SUMMARY = /^<details><summary>(.*)<\/summary>\s*$/;
const starts = (line) =>
  SUMMARY.test(line) || line.trim() === "" || Object.values(START).some((start) => start.test(line));

function blocks(lines) {
  const out = [];
  while (lines.length > 0) {
    const line = lines[0];
    const kind = Object.keys(START).find((name) => START[name].test(line));
    const [, summary] = SUMMARY.exec(line) ?? [];
    if (line.trim() === "") lines.shift();
    else if (summary !== undefined) {
      lines.shift();
      const inside = blocks(until(lines, (l) => l.trim() === "</details>"));
      out.push(el`<details><summary>${inline(summary)}</summary>${inside}</details>`);
    } else if (kind === "heading") {
      const level = line.indexOf(" ");
      out.push(HEADINGS[Math.min(level, 3) - 1](inline(lines.shift().slice(level + 1))));
    } else if (kind === "fence") {
      lines.shift();
      out.push(el`<pre><code>${until(lines, (l) => /^\s*```\s*$/.test(l)).join("\n")}</code></pre>`);
    } else if (kind === "quote")
      out.push(el`<blockquote>${blocks(run(lines, kind).map((l) => l.replace(/^> ?/, "")))}</blockquote>`);
    else if (kind === "item") out.push(el`<ul>${items(lines, kind)}</ul>`);
    else if (kind === "number") out.push(el`<ol>${items(lines, kind)}</ol>`);
    else if (kind === "row") out.push(table(run(lines, kind)));
    else {
      const text = [lines.shift()];
      while (lines.length > 0 && !starts(lines[0])) text.push(lines.shift());
      out.push(el`<p>${text.map((each, i) => [i > 0 && el`<br>`, inline(each)])}</p>`);
    }
  }
  return out;
}

/** Takes the lines of one kind that follow each other. */
function run(lines, kind) {
  const end = lines.findIndex((line) => !START[kind].test(line));
  return lines.splice(0, end === -1 ? lines.length : end);
}

function until(lines, ends) {
  const end = lines.findIndex(ends);
  const taken = lines.splice(0, end === -1 ? lines.length : end);
  lines.shift();
  return taken;
}

const items = (lines, kind) => run(lines, kind).map((line) => el`<li>${inline(line.replace(START[kind], ""))}</li>`);

function table([head = "", ...rest]) {
  const cells = (row) =>
    row
      .replace(/^\||\|\s*$/g, "")
      .split("|")
      .map((cell) => inline(cell.trim()));
  const rows = rest
    .filter((row) => !/^[|\s:-]+$/.test(row))
    .map((row) => el`<tr>${cells(row).map((cell) => el`<td>${cell}</td>`)}</tr>`);
  return el`<div class="scroll"><table>
    <thead><tr>${cells(head).map((cell) => el`<th scope="col">${cell}</th>`)}</tr></thead><tbody>${rows}</tbody>
  </table></div>`;
}

const INLINE = /`([^`]+)`|\*\*(.+?)\*\*|\[([^\]]*)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>)\]]*[^\s<>)\].,;:!?])/;

/** Code, bold and links; only http and https lead anywhere. */
export function inline(text) {
  const match = INLINE.exec(text);
  if (match === null) return [text];
  const [whole, code, bold, label, href, bare] = match;
  const to = href ?? bare;
  const found =
    code !== undefined
      ? el`<code>${code}</code>`
      : bold !== undefined
        ? el`<strong>${inline(bold)}</strong>`
        : el`<a href=${to} target="_blank" rel="noopener noreferrer">${label || to}</a>`;
  return [text.slice(0, match.index), found, ...inline(text.slice(match.index + whole.length))];
}

import { h } from "./dom.js";

/** The part of GitHub's markdown that reports are written in. It builds elements and never parses HTML, so anything else stays text. */
export function markdown(source) {
  const lines = source.replace(/<!--[\s\S]*?-->/g, "").split(/\r?\n/);
  return h("div", { class: "markdown" }, blocks(lines));
}

function blocks(lines) {
  const out = [];
  while (lines.length > 0) {
    const line = lines.shift();
    const [, hashes, heading] = /^(#{1,6}) (.*)$/.exec(line) ?? [];
    const summary = /^<details><summary>(.*)<\/summary>\s*$/.exec(line);
    if (line.trim() === "") continue;
    else if (heading !== undefined) out.push(h(`h${Math.min(6, hashes.length + 2)}`, {}, inline(heading)));
    else if (/^\s*```/.test(line))
      out.push(h("pre", {}, h("code", {}, until(lines, (l) => /^\s*```\s*$/.test(l)).join("\n"))));
    else if (summary)
      out.push(
        h("details", {}, h("summary", {}, inline(summary[1])), blocks(until(lines, (l) => l.trim() === "</details>"))),
      );
    else if (line.startsWith(">"))
      out.push(
        h("blockquote", {}, blocks(run(lines, line, (l) => l.startsWith(">")).map((l) => l.replace(/^> ?/, "")))),
      );
    else if (/^\s*[-*] /.test(line))
      out.push(
        h(
          "ul",
          {},
          run(lines, line, (l) => /^\s*[-*] /.test(l)).map((l) => h("li", {}, inline(l.replace(/^\s*[-*] /, "")))),
        ),
      );
    else if (/^\s*\d+\. /.test(line))
      out.push(
        h(
          "ol",
          {},
          run(lines, line, (l) => /^\s*\d+\. /.test(l)).map((l) => h("li", {}, inline(l.replace(/^\s*\d+\. /, "")))),
        ),
      );
    else if (line.startsWith("|") && /^\|[\s:|-]+\|$/.test(lines[0] ?? ""))
      out.push(table(run(lines, line, (l) => l.startsWith("|"))));
    else
      out.push(
        h(
          "p",
          {},
          run(lines, line, (l) => !/^\s*$|^#{1,6} |^\s*```|^>|^\s*[-*] |^\||^<details>/.test(l)).map((l, i) => [
            i > 0 && h("br"),
            inline(l),
          ]),
        ),
      );
  }
  return out;
}

/** Takes the lines that follow and belong to the same block. */
function run(lines, first, belongs) {
  const taken = [first];
  while (lines.length > 0 && belongs(lines[0])) taken.push(lines.shift());
  return taken;
}

function until(lines, ends) {
  const end = lines.findIndex(ends);
  const taken = lines.splice(0, end === -1 ? lines.length : end);
  lines.shift();
  return taken;
}

function table([head, , ...rows]) {
  const cells = (row) =>
    row
      .replace(/^\||\|\s*$/g, "")
      .split("|")
      .map((cell) => inline(cell.trim()));
  const body = rows.map((row) =>
    h(
      "tr",
      {},
      cells(row).map((cell) => h("td", {}, cell)),
    ),
  );
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          cells(head).map((cell) => h("th", { scope: "col" }, cell)),
        ),
      ),
      h("tbody", {}, body),
    ),
  );
}

const INLINE = /`([^`]+)`|\*\*(.+?)\*\*|\[([^\]]*)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>)\]]*[^\s<>)\].,;:!?])/;

export function inline(text) {
  const out = [];
  for (let rest = text; rest !== "";) {
    const match = INLINE.exec(rest);
    if (match === null) return [...out, rest];
    const [whole, code, bold, label, href, bare] = match;
    out.push(rest.slice(0, match.index));
    if (code !== undefined) out.push(h("code", {}, code));
    else if (bold !== undefined) out.push(h("strong", {}, inline(bold)));
    else
      out.push(h("a", { href: href ?? bare, target: "_blank", rel: "noopener noreferrer" }, label || (href ?? bare)));
    rest = rest.slice(match.index + whole.length);
  }
  return out;
}

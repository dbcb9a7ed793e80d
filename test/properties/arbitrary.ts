import * as fc from "fast-check";

/**
 * The same cases in every run, so that nobody's work is stopped by another's luck; `PROPERTY_SEED=7` tries others. What fails
 * names its seed and its smallest case.
 */
export const runs = (numRuns: number): { readonly numRuns: number; readonly seed: number } => ({
  numRuns,
  seed: Number(process.env["PROPERTY_SEED"] ?? 20_260_301),
});

/** Texts that mean something to somebody: to a path, a URL, YAML, a template, a shell, a prototype, Unicode, DNS. */
export const HOSTILE = [
  "",
  " ",
  ".",
  "..",
  "../..",
  "/",
  "//",
  "%2f",
  "%2e%2e%2f",
  "..%2f..",
  "a/../b",
  "?admin=1",
  "#",
  "a?b#c",
  "\\..\\",
  "__proto__",
  "constructor",
  "toString",
  "prototype",
  "\0",
  "a\0b",
  "\n",
  "\r\nx: y",
  "\t",
  "\u2028",
  "\u202e",
  "\u{feff}",
  "\ud800",
  "\udfff\ud800",
  "🚀",
  "é",
  "e\u0301",
  "K",
  "ſ",
  "ı",
  "аcme",
  "acme。shop",
  "xn--80ak6aa92e",
  "ACME",
  "-",
  "a-",
  "-a",
  "a.",
  ".a",
  "a..b",
  "x".repeat(63),
  "x".repeat(64),
  "x".repeat(300),
  "${namespace}",
  "${__proto__}",
  "$(PORT)",
  "$$",
  "`id`",
  "$(id)",
  "; rm -rf /",
  "{{ .Values.x }}",
  "&a",
  "*a",
  "!!js/function 'x'",
  "---",
  "- a",
  "a: b",
  "a: {b: c}",
  "[a]",
  "{a: b}",
  "# a",
  "'",
  '"',
  "|",
  ">",
  "null",
  "~",
  "true",
  "1e3",
  "0x1f",
  "<!-- x -->",
  "@everyone",
  "user:pass@evil.example",
  "http://evil.example/",
  "169.254.169.254",
  "[::1]",
  "localhost",
] as const;

/** Any text at all, lone surrogates included, and mixtures with those above. */
export const hostileText = fc.oneof(
  fc.constantFrom<string>(...HOSTILE),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.array(fc.nat(0xffff), { maxLength: 10 }).map((units) => String.fromCharCode(...units)),
  fc.tuple(fc.constantFrom<string>(...HOSTILE), fc.constantFrom<string>(...HOSTILE)).map(([a, b]) => `${a}${b}`),
);

export const hostileValue = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -0,
    -1,
    0.5,
    1e308,
    2 ** 53,
    [],
    {},
    [[]],
    [null],
    JSON.parse('{"__proto__":{"id":1}}'),
    JSON.parse('{"constructor":{"prototype":{"id":1}}}'),
  ),
  hostileText,
  fc.jsonValue({ maxDepth: 3 }),
);

/** The value with one field somewhere below replaced, removed or added: `turns` picks the way down. */
export function mutate(value: unknown, turns: readonly number[], replacement: unknown): unknown {
  const [turn = 0, ...rest] = turns;
  if (typeof value !== "object" || value === null || rest.length === 0) return replacement;
  const keys = Object.keys(value);
  const key = keys[turn % (keys.length + 1)];
  if (Array.isArray(value)) return value.map((item, i) => (String(i) === key ? mutate(item, rest, replacement) : item));
  if (key === undefined) return { ...value, [`added${turn}`]: replacement };
  const next = mutate(Reflect.get(value, key), rest, replacement);
  const entries = Object.entries(value).filter(([name]) => name !== key);
  return Object.fromEntries(turn % 5 === 4 ? entries : [...entries, [key, next]]);
}

const turns = fc.array(fc.nat(60), { minLength: 1, maxLength: 6 });

/** One to three mutations of one of the values. */
export const mutationOf = (...values: readonly unknown[]): fc.Arbitrary<unknown> =>
  fc
    .tuple(fc.constantFrom(...values), fc.array(fc.tuple(turns, hostileValue), { minLength: 1, maxLength: 3 }))
    .map(([value, changes]) => changes.reduce((changed, [way, by]) => mutate(changed, way, by), value));

/** A DNS label: https://www.rfc-editor.org/rfc/rfc1123#page-13, as Kubernetes narrows it. */
export const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

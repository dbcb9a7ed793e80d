/** A module as CommonJS, with its source map. */
export interface Module {
  readonly code: string;
  readonly map: string;
}

/** One file of modules by name: each is a function, which V8 compiles when it is called and can keep. `code.ts` reads them. */
export function fileOf(modules: ReadonlyMap<string, Module>): Module {
  let code = "({";
  const sections = [];
  for (const [name, module] of modules) {
    code += `${JSON.stringify(name)}(exports,require,module,codeUrl){`;
    const lines = code.split("\n");
    sections.push({
      offset: { line: lines.length - 1, column: lines.at(-1)?.length ?? 0 },
      map: JSON.parse(module.map) as unknown,
    });
    code += `${module.code}},\n`;
  }
  // https://tc39.es/ecma426/#sec-index-source-map
  return { code: `${code}})`, map: JSON.stringify({ version: 3, sections }) };
}

import type { Plugin } from "esbuild";

/**
 * As `builtins`, for code that imports Node's own modules by the names of what it needs, ES modules only: then no more is made of a
 * module than those names, and nothing has to stand between.
 */
export const namedBuiltins: Plugin = {
  name: "named builtins",
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: "named-builtin", sideEffects: false }));
    build.onLoad({ filter: /./, namespace: "named-builtin" }, ({ path }) => ({ contents: contentsOf(path) }));
  },
};

/** Pure is what nobody misses when it is left out: of a module all but what is imported, and only that is looked at. */
function contentsOf(path: string): string {
  const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) => /^[a-z_$][\w$]*$/i.test(name));
  const named = names
    .filter((name) => name !== "default")
    .map((name) => `export const ${name} = /* @__PURE__ */ (() => m.${name})();`);
  return [`const m = /* @__PURE__ */ process.getBuiltinModule("${path}");`, ...named].join("\n");
}

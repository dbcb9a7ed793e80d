import { builtinModules } from "node:module";
import type { Plugin } from "esbuild";

/**
 * Node's own modules through `process.getBuiltinModule`, never looked at as a whole. Some of their exports load modules of their own
 * when they are looked at, and an ES import looks at all of them: `node:http`'s WebSocket loads undici, 35 ms of every cold start
 * that Amazon's own runtime client does not pay. https://github.com/nodejs/node/issues/59686
 */
export const builtins: Plugin = {
  name: "builtins",
  setup(build) {
    build.onResolve({ filter: /^[a-z_:][a-z0-9_/:]*$/ }, ({ path, kind }) => {
      const name = path.replace(/^node:/, "");
      if (!path.startsWith("node:") && !builtinModules.includes(name)) return null;
      // Nobody looks at the whole of it before it is asked for.
      if (kind === "dynamic-import") return { path: `node:${name}`, external: true };
      return { path: name, namespace: kind === "require-call" || !isPlain(name) ? "builtin" : "builtin-imported" };
    });
    build.onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = ${builtin(path)};`,
    }));
    // esbuild copies what a CommonJS module exports, and looks at it for that. What is inherited it leaves where it is.
    build.onLoad({ filter: /./, namespace: "builtin-imported" }, ({ path }) => ({
      contents: `module.exports = Object.create(${builtin(path)});`,
    }));
  },
};

const builtin = (name: string): string => `process.getBuiltinModule("node:${name}")`;

/** Not a class, as `node:events` is, nor an object with a life of its own, as `node:process`. */
function isPlain(name: string): boolean {
  const module: unknown = process.getBuiltinModule(name);
  return typeof module === "object" && Object.getPrototypeOf(module) === Object.prototype;
}

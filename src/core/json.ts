/** undefined: no JSON. For texts that nobody may see: the parser's own message would quote them. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

import type { Fields } from "./object.ts";

/**
 * kubectl's typed commands (`kubectl create namespace`) send protobuf and do not fall back to JSON. Decodes the envelope and
 * ObjectMeta (k8s.io/apimachinery generated.proto) of the kinds that consist of little else; null for any other kind.
 */
export function decodeProtobuf(body: Buffer): Fields | null {
  if (body.subarray(0, 4).toString("latin1") !== "k8s\0") return null;
  const unknown = readMessage(body.subarray(4));
  const type = readMessage(unknown.get(1)?.[0] ?? empty);
  const [apiVersion, kind] = [text(type, 1), text(type, 2)];
  if (!metadataOnly.has(kind)) return null;
  const metadata = readMessage(readMessage(unknown.get(2)?.[0] ?? empty).get(1)?.[0] ?? empty);
  return {
    apiVersion,
    kind,
    metadata: {
      name: text(metadata, 1),
      ...(metadata.has(2) ? { generateName: text(metadata, 2) } : {}),
      ...(text(metadata, 3) === "" ? {} : { namespace: text(metadata, 3) }),
      labels: map(metadata, 11),
      annotations: map(metadata, 12),
    },
  };
}

const metadataOnly = new Set(["Namespace", "ServiceAccount", "SelfSubjectReview"]);
const empty = Buffer.alloc(0);

type Message = Map<number, Buffer[]>;

function readMessage(bytes: Buffer): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const start = at;
    const wire = tag & 7;
    const length = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    if (wire === 0) varint();
    const value = wire === 0 ? bytes.subarray(start, at) : bytes.subarray(at, at + length);
    at += length;
    message.set(tag >> 3, [...(message.get(tag >> 3) ?? []), value]);
  }
  return message;
}

function text(message: Message, field: number): string {
  return message.get(field)?.[0]?.toString() ?? "";
}

function map(message: Message, field: number): Record<string, string> {
  return Object.fromEntries(
    (message.get(field) ?? []).map((entry) => [text(readMessage(entry), 1), text(readMessage(entry), 2)]),
  );
}

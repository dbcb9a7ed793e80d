import { Hash } from "@smithy/hash-node";
import { SignatureV4 } from "@smithy/signature-v4";

export interface Signable {
  readonly service: string;
  readonly region: string;
  /** Those that are signed, names in lower case, without what the signer adds. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly at: Date;
}

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** The signature as the SDK's own signer makes it, for a POST to `/`. */
export async function sdkAuthorization({ service, region, headers, body, at }: Signable, keys: Keys): Promise<string> {
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const signer = new SignatureV4({
    service,
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    sha256: Hash.bind(null, "sha256"),
    // It would add a header that only S3 needs.
    applyChecksum: false,
  });
  const signed = await signer.sign(
    {
      method: "POST",
      protocol: "https:",
      hostname: headers["host"] ?? "",
      path: "/",
      query: {},
      headers: { ...headers },
      body,
    },
    // The SDK leaves some headers unsigned that it does not know to be safe; all of ours are.
    { signingDate: at, signableHeaders: new Set(Object.keys(headers)) },
  );
  return signed.headers["authorization"] ?? "";
}

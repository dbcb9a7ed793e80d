import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { resolve4, resolve6 } from "node:dns/promises";
import { checkServerIdentity, connect, type PeerCertificate } from "node:tls";
import { type Known, known } from "./check.ts";

export interface CertificateView {
  readonly issuer: string;
  readonly validTo: number;
  /** null: a browser would take it for this name. */
  readonly distrust: string | null;
}

export interface NamesFacts {
  /** A name below the domain that nobody has asked for before. */
  readonly host: string;
  readonly now: number;
  /** "": the name leads nowhere. */
  readonly addresses: Known<readonly string[]>;
  /** Where the ingress' load balancers are, by address. */
  readonly ingress: Known<readonly string[]>;
  /** null: pages are served over plain http. */
  readonly certificate: Known<CertificateView> | null;
}

export interface NamesLook {
  readonly domain: string;
  readonly publicUrl: string;
  /** Hosts and addresses of the ingress' load balancers. */
  readonly ingress: Known<readonly string[]>;
  readonly now: number;
}

/** A random label: whoever serves it serves every preview, and no cache has an old answer. */
export async function namesFacts({ domain, publicUrl, ingress, now }: NamesLook): Promise<NamesFacts> {
  const host = `proa-doctor-${randomBytes(4).toString("hex")}.${domain}`;
  const url = new URL(publicUrl.replace("{host}", host));
  const [addresses, behind, certificate] = await Promise.all([
    known(() => addressesOf(host)),
    ingress.kind === "known" ? known(() => allAddresses(ingress.value)) : ingress,
    url.protocol === "https:" ? known(() => certificateOf(host, Number(url.port || 443))) : null,
  ]);
  return { host, now, addresses, ingress: behind, certificate };
}

async function allAddresses(hosts: readonly string[]): Promise<string[]> {
  const found = await Promise.all(hosts.map(async (host) => (isIP(host) === 0 ? addressesOf(host) : [host])));
  return [...new Set(found.flat())].sort();
}

/** Both families; a name that has neither answers an empty list. */
async function addressesOf(host: string): Promise<string[]> {
  const found = await Promise.all([resolve4, resolve6].map((resolve) => resolve(host).catch(unlessAbsent)));
  return found.flat().sort();
}

/** https://nodejs.org/api/dns.html#error-codes */
function unlessAbsent(error: unknown): string[] {
  if (error instanceof Error && "code" in error && (error.code === "ENOTFOUND" || error.code === "ENODATA")) return [];
  throw error;
}

/** What is presented under this name, and what a browser would say of it. Reading it is why an untrusted one is let pass here. */
export function certificateOf(host: string, port: number, address = host): Promise<CertificateView> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: address, port, servername: host, rejectUnauthorized: false, timeout: 10_000 },
      () => {
        const certificate = socket.getPeerCertificate();
        const chain = socket.authorized ? null : String(socket.authorizationError ?? "it is not trusted");
        socket.destroy();
        resolve(viewOf(host, certificate, chain));
      },
    );
    socket.on("error", reject);
    socket.on("timeout", () => socket.destroy(new Error(`${host}:${port} does not answer`)));
  });
}

function viewOf(host: string, certificate: PeerCertificate, chain: string | null): CertificateView {
  const names = checkServerIdentity(host, certificate);
  return {
    issuer: String(certificate.issuer?.O ?? certificate.issuer?.CN ?? "an unnamed issuer"),
    validTo: Date.parse(certificate.valid_to),
    distrust: names?.message ?? chain,
  };
}

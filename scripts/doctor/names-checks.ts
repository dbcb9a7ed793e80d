import { type Area, type Check, fail, ok, unknown, warn, whenKnown } from "./check.ts";
import type { CertificateView, NamesFacts } from "./names-facts.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** Renewal is usually tried from a month before the end: after three weeks of failing somebody should know. */
const RENEWED_BY_DAYS = 21;

export function namesChecks(domain: string, facts: NamesFacts): Area {
  const { addresses, certificate, now, host } = facts;
  const name = `The pages of previews (*.${domain})`;
  // https://www.rfc-editor.org/rfc/rfc6761#section-6.3
  if (/(^|\.)localhost$/.test(domain)) return { name, checks: [ok(`*.${domain} is this machine, without any DNS`)] };
  return {
    name,
    checks: [
      ...whenKnown(addresses, `The name ${host}`, (found) => [dnsCheck(domain, found, facts)]),
      ...(certificate === null
        ? [
            warn(
              "They are served over plain http (PROA_PUBLIC_URL)",
              "https, unless they are for your own network alone",
            ),
          ]
        : addresses.kind === "known" && addresses.value.length === 0
          ? []
          : whenKnown(certificate, "The certificate", (view) => [certificateCheck(view, now)])),
    ],
  };
}

function dnsCheck(domain: string, addresses: readonly string[], { ingress }: NamesFacts): Check {
  const [first] = addresses;
  if (first === undefined)
    return fail(`*.${domain} leads nowhere`, `make a wildcard DNS record *.${domain} to the ingress' load balancer`);
  const leads = `*.${domain} leads to ${first}${addresses.length > 1 ? ` and ${addresses.length - 1} more` : ""}`;
  if (ingress.kind === "unknown")
    return unknown(leads, `whether that is the ingress is not known (${ingress.because})`);
  if (ingress.value.length === 0)
    return unknown(leads, "no load balancer is seen in the ingress' namespace, so whether that is right is not known");
  return addresses.some((address) => ingress.value.includes(address))
    ? ok(`${leads}, the ingress' load balancer`)
    : warn(
        `${leads}; the ingress' load balancer is at ${ingress.value.join(", ")}`,
        "right where a proxy or CDN stands in between; otherwise point the record at the load balancer",
      );
}

function certificateCheck({ distrust, issuer, validTo }: CertificateView, now: number): Check {
  if (distrust !== null)
    return fail(
      `Browsers would not trust it: ${distrust}`,
      "a certificate for the wildcard name, with its chain, on the ingress",
    );
  const days = Math.floor((validTo - now) / DAY_MS);
  const what = `The certificate of ${issuer} is good for ${days} days more`;
  if (Number.isNaN(days)) return unknown("The certificate", "its end cannot be read");
  return days >= RENEWED_BY_DAYS ? ok(what) : warn(what, "see why it is not renewed");
}

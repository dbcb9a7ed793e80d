import { isTag, parseImageName } from "../core/image.ts";
import { type Digest, parseDigest } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import { createEcr } from "./registry-ecr.ts";
import type { OciSettings } from "./registry-oci-call.ts";
import { createOciRegistry } from "./registry-oci.ts";

/** A container registry, asked one question. Two real ones: any OCI registry (`registry-oci.ts`) and ECR (`registry-ecr.ts`). */
export interface Registry {
  /**
   * The digest a tag names now (an index counts as one image; its digest is the index's), or a digest itself where the image is
   * there. null: it is not.
   * Everything else (no right to read, throttled, down) throws `OutsideError`.
   */
  digest(repository: string, reference: string): Promise<Digest | null>;
}

/** Finds the registry for an image's host: `registry.example/acme/shop-web` → that host's registry and `acme/shop-web`. */
export interface Registries {
  resolve(image: string, reference: string): Promise<Digest | null>;
}

export interface RegistriesSettings {
  /** Image host → where and as whom to ask. Needed only where a rule below does not fit: credentials, another URL, plain HTTP. */
  readonly hosts: Readonly<Record<string, OciSettings>>;
}

/** Host by host: what the settings say; ECR, recognised by its name; otherwise an OCI registry over https at that host. */
export function createRegistries(settings: RegistriesSettings): Registries {
  const ecr = createEcr();
  const known = new Map<string, Registry>();

  function registryAt(host: string): Registry {
    const registry = known.get(host) ?? chosen(host);
    known.set(host, registry); // it keeps the registry's tokens and connections
    return registry;
  }

  function chosen(host: string): Registry {
    const configured = Object.hasOwn(settings.hosts, host) ? settings.hosts[host] : undefined;
    if (configured !== undefined) return createOciRegistry(configured);
    return ecr(host) ?? createOciRegistry({ url: `https://${host === "docker.io" ? DOCKER_HUB_API : host}` });
  }

  return {
    async resolve(image, reference) {
      const name = parseImageName(image);
      if (name === null || !(isTag(reference) || parseDigest(reference) !== null)) {
        const detail = `${image}:${reference} is not an image: write it as registry.example/team/name, with its host and in lower case`;
        throw new OutsideError({ code: "invalid", detail, retryable: false });
      }
      return registryAt(name.host).digest(name.repository, reference);
    },
  };
}

/** Docker Hub answers its API elsewhere than its images' names say. */
const DOCKER_HUB_API = "registry-1.docker.io";

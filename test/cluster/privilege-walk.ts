import { setTimeout as delay } from "node:timers/promises";
import type { EnvironmentConfig, RepoConfig } from "../../src/core/config.ts";
import type { Digest, Sha, Target } from "../../src/core/names.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { newTarget, type TargetState } from "../../src/core/state.ts";
import { surfaces } from "../../src/core/words.ts";
import { deploy } from "../../src/deploy.ts";
import type { Effects } from "../../src/effects.ts";
import { handle } from "../../src/handle.ts";
import { record } from "../../src/record.ts";
import { readWorkloads } from "../../src/workloads.ts";
import { repo } from "../core/decision-fixture.ts";
import { deployerOn } from "../shell/deployer.ts";
import type { Installation } from "./privilege-install.ts";

/** What a decision would have come to: GitHub has no part in these walks, everything after the decision is the product's own. */
export interface Wish {
  readonly sha: Sha;
  readonly digest: Digest;
  readonly config: RepoConfig;
  readonly env?: EnvironmentConfig;
}

export interface Walk {
  readonly fx: Effects;
  /** Answers the record at the end of the rollout, or where it cannot go on without a person. */
  deploy(target: Target, wish: Wish): Promise<TargetState>;
  remove(target: Target): Promise<TargetState>;
  /** Goes on where it stopped, until it ends. */
  resume(target: Target): Promise<TargetState>;
}

const PATIENCE_MS = 120_000;
/** A right that is a moment late is not yet one that is missing. */
const STUBBORN = 5;
const IMAGE = "registry.example/acme/shop-web";

/** @param dir for its store and its queue */
export function startWalk(installation: Installation, dir: string): Walk {
  const { kubeconfig, templates, namespace: secretsNamespace } = installation;
  const fx = deployerOn({ dir, kubeconfig, templates, secretsNamespace });

  async function tick(state: TargetState): Promise<TargetState> {
    const { target, wake } = state;
    if (wake !== null) await handle({ v: 1, kind: "tick", target, n: wake.n }, fx);
    return stateOf(target);
  }

  async function stateOf(target: Target): Promise<TargetState> {
    const { state } = await fx.store.load(target);
    if (state === null) throw new Error("nothing was recorded");
    return state;
  }

  async function until(target: Target, ended: (state: TargetState) => boolean): Promise<TargetState> {
    const deadline = performance.now() + PATIENCE_MS;
    for (let state = await stateOf(target); ; state = await tick(state)) {
      if (ended(state)) return state;
      if (performance.now() > deadline)
        throw new Error(`no end within ${PATIENCE_MS / 1000} s: ${JSON.stringify(state)}`);
      // Pods take their time; nothing here depends on how much.
      await delay(100);
    }
  }

  const atRest = ({ rollout, phase, failures }: TargetState): boolean =>
    rollout === null || (phase === "blocked" && failures >= STUBBORN);

  return {
    fx,
    async deploy(target, { sha, digest, config, env = null }) {
      const known = await fx.store.load(target);
      const former = known.state ?? newTarget(target, 1, repo);
      const wanted = { sha, since: fx.clock.now() };
      const state: TargetState = {
        ...former,
        wanted,
        phase: "rolling",
        because: "asked for",
        failed: null,
        report: null,
      };
      const services = config.services.map(({ name }) => ({ name, image: IMAGE, digest }));
      const plan = { kind: "deploy", sha, services, patch: [], actor: "mo", pulls: [], because: "", of: null } as const;
      const place = state.placements["default"];
      const workloads =
        place === undefined || target.kind === "env"
          ? null
          : await readWorkloads({ namespace: place.namespace, clusters: ["default"], patch: [] }, fx);
      try {
        await deploy(plan, { ...known, state }, fx, { config, env, workloads, extra: {} });
      } catch (error) {
        // What stopped it stops the next look as well, which is the one that records it.
        if (!(error instanceof OutsideError)) throw error;
      }
      return until(target, atRest);
    },
    async remove(target) {
      const known = await fx.store.load(target);
      if (known.state === null) throw new Error("nothing was deployed");
      const tombstone = { at: fx.clock.now(), because: "the pull request was closed" };
      await record(known, { ...known.state, phase: "removing", tombstone }, 0, fx);
      return until(target, ({ tombstone: stone, failures }) => stone === null || failures >= STUBBORN);
    },
    async resume(target) {
      return until(target, ({ rollout }) => rollout === null);
    },
  };
}

/** What the commit's status says. */
export function toldOf(state: TargetState): string {
  for (const surface of surfaces(state))
    if (surface.kind === "status" && surface.sha === state.wanted?.sha) return surface.body.description;
  throw new Error(`nothing is said of ${state.wanted?.sha ?? "any commit"}: ${state.phase}, ${state.because}`);
}

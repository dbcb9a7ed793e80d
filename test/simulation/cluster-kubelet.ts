import type { Millis } from "../../src/core/names.ts";
import { type ClusterState, type Namespace, type Pod, type PodState, tell, wait } from "./cluster-state.ts";

/** Back-offs after which a crashing container has said what it has to say: nothing new is learned from the next ones. */
const MOST_RESTARTS = 5;
const BACK_OFF_MS = 10_000;
const LONGEST_BACK_OFF_MS = 5 * 60_000;

/** Lives a pod's life from its creation on, by what its image does; `looked` is called after every change that others can see. */
export function startPod(state: ClusterState, namespace: Namespace, pod: Pod, looked: () => void): void {
  const { sim } = state;
  const { behaviour } = pod;
  const about = `Pod/${pod.name}`;

  const isAlive = (): boolean => namespace.pods.get(pod.name) === pod && pod.deletedAt === null && pod.lost === null;
  const later = (delayMs: Millis, run: () => void): void =>
    sim.at(delayMs, about, () => {
      if (isAlive()) run();
    });
  const become = (next: PodState): void => {
    pod.state = next;
    pod.stateSince = sim.now();
    looked();
  };

  if (behaviour === "unschedulable") {
    become({ kind: "unschedulable" });
    return tell(state, namespace, { about, reason: "FailedScheduling", message: "0/3 nodes are available" });
  }
  later(wait(sim, 300, 12_000), () => (behaviour === "not pullable" ? failPull() : run()));

  function failPull(): void {
    become({ kind: "not pulled" });
    tell(state, namespace, { about, reason: "Failed", message: "Failed to pull image: manifest unknown" });
  }

  function run(): void {
    become({ kind: "running", since: sim.now(), ready: false });
    if (behaviour === "crashes" || (behaviour === "stumbles" && pod.restarts === 0))
      return later(wait(sim, 100, 2_000), crash);
    if (behaviour === "never ready") return;
    const [least, most] = behaviour === "slow" ? [30_000, 150_000] : [200, 8_000];
    later(wait(sim, least, most), serve);
  }

  function serve(): void {
    become({ kind: "running", since: sim.now(), ready: true });
    if (behaviour === "crashes later") later(wait(sim, 5_000, 40_000), crash);
  }

  /** Once more at once, then after a back-off that doubles: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy */
  function crash(): void {
    const endedAt = sim.now();
    become({ kind: "ended", at: endedAt });
    tell(state, namespace, { about, reason: "BackOff", message: "Back-off restarting failed container" });
    const backOff = Math.min(BACK_OFF_MS * 2 ** (pod.restarts - 1), LONGEST_BACK_OFF_MS);
    if (pod.restarts > 0) later(50, () => become({ kind: "backing off", endedAt }));
    if (pod.restarts >= MOST_RESTARTS) return;
    later(pod.restarts === 0 ? 100 : backOff, () => {
      pod.restarts++;
      run();
    });
  }
}

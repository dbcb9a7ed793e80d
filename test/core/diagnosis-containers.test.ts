import { describe, expect, test } from "vitest";
import { broken, crashing, ended, running, waiting, withContainer, withPods } from "../fixtures/cluster/web.ts";
import { NOT_READY, onPod, spec, waits, said, wanted, type Row } from "./diagnosis-case.ts";

const images: Row[] = [
  {
    when: "the image is not there",
    live: waits("ImagePullBackOff", "manifest unknown"),
    headline: /: ImagePullBackOff on sha256:4f2c6aa…$/,
    detail: /^> app: Failed to pull image .*The image is not in the registry\.$/,
    remedy: /build pushed it/,
  },
  {
    when: "only the event says why",
    live: waits("ImagePullBackOff", "Back-off pulling image"),
    events: [onPod("Failed", 'Failed to pull image "x": 401 Unauthorized')],
    headline: /ImagePullBackOff/,
    detail: /may not pull/,
    remedy: /right to read/,
  },
  {
    when: "credentials are missing",
    live: waits("ErrImagePull", "no basic auth credentials"),
    headline: /ErrImagePull on/,
    detail: /may not pull/,
  },
  {
    when: "the registry denies",
    live: waits("ErrImagePull", "denied: requested access to the resource is denied"),
    headline: /ErrImagePull/,
    detail: /may not pull/,
  },
  {
    when: "there is no build for the platform",
    live: waits("ErrImagePull", "no match for platform in manifest: not found"),
    headline: /ErrImagePull/,
    detail: /processor/,
    remedy: /buildx/,
  },
  {
    when: "the registry throttles",
    live: waits("ErrImagePull", "toomanyrequests: rate exceeded"),
    headline: /ErrImagePull/,
    detail: /how often/,
    fault: "infrastructure",
  },
  {
    when: "the registry cannot be reached",
    live: waits("ErrImagePull", "dial tcp: lookup registry.example: no such host"),
    headline: /ErrImagePull/,
    detail: /cannot reach/,
    fault: "infrastructure",
  },
  {
    when: "nobody says why",
    live: waits("ImagePullBackOff"),
    headline: /ImagePullBackOff/,
    detail: /ImagePullBackOff\.$/,
    remedy: /Check that the image exists/,
  },
  {
    when: "the name is no name",
    live: spec({ image: "Shop Web" }, waits("InvalidImageName")),
    headline: /InvalidImageName on Shop Web/,
    detail: /not a valid image name/,
    remedy: /`image` in \.proa\.yml/,
  },
];

const crashes: Row[] = [
  {
    when: "the application fails",
    live: withContainer(crashing(1)),
    headline: /CrashLoopBackOff \(exit 1: an error of the application\)$/,
    detail: /^> app: Crashing repeatedly \(exit 1\)\. See logs for more information\.$/,
    remedy: /logs of the last run/,
  },
  {
    when: "it ends by itself",
    live: withContainer(crashing(0)),
    headline: /exit 0: it ended by itself/,
    remedy: /must keep running/,
  },
  { when: "the shell finds no command", live: withContainer(crashing(127)), headline: /exit 127: command not found/ },
  {
    when: "the command is not executable",
    live: withContainer(crashing(126)),
    headline: /exit 126: command is not executable/,
  },
  { when: "it is killed", live: withContainer(crashing(137)), headline: /exit 137: SIGKILL/ },
  { when: "it is asked to stop", live: withContainer(crashing(143)), headline: /exit 143: SIGTERM/ },
  { when: "it violates its memory", live: withContainer(crashing(139)), headline: /exit 139: SIGSEGV/ },
  { when: "it dies of another signal", live: withContainer(crashing(135)), headline: /exit 135: signal 7/ },
  {
    when: "it leaves a message",
    live: withContainer(crashing(1, 3, "Error", "cannot bind\n")),
    headline: /exit 1/,
    detail: /It said: cannot bind$/,
  },
  {
    when: "it has just ended again",
    live: withContainer(broken(ended(3), { restarts: 2 })),
    headline: /crashing \(exit 3/,
  },
  {
    when: "its log says that the binary is foreign",
    live: withContainer(crashing(1)),
    log: "exec /app: exec format error",
    headline: /built for another processor/,
    remedy: /buildx/,
  },
  {
    when: "it runs out of memory",
    live: withContainer(crashing(137, 3, "OOMKilled")),
    headline: /OOMKilled: more memory than its limit/,
    detail: /3 restarts/,
    remedy: /resources\.memory/,
  },
  {
    when: "it ran out of memory and runs again",
    live: withContainer(broken(running, { restarts: 1, last: ended(137, "OOMKilled") })),
    headline: /OOMKilled/,
  },
  {
    when: "its liveness probe kills it",
    live: spec({ liveness: { kind: "tcp", target: ":8080" } }, withContainer(crashing(137))),
    events: [onPod("Unhealthy", "Liveness probe failed: timeout")],
    headline: /killed by its probe: Liveness probe failed: timeout/,
    detail: /must accept connections on port 8080/,
  },
  {
    when: "its startup probe kills it",
    live: spec({ startup: { kind: "exec", target: "cat /tmp/ok" } }, withContainer(crashing(143))),
    events: [onPod("Unhealthy", "Startup probe failed: no file")],
    headline: /Startup probe failed/,
    detail: /must exit 0 from the following command: 'cat \/tmp\/ok'/,
  },
  {
    when: "its command is missing in the image",
    live: waits("RunContainerError", 'exec: "serve": executable file not found in $PATH: unknown'),
    headline: /its command serve cannot be run/,
    remedy: /`command` in \.proa\.yml/,
  },
  {
    when: "containerd could not start it",
    live: withContainer(crashing(128, 3, "StartError", 'exec: "./run": permission denied')),
    headline: /its command \.\/run cannot be run/,
    detail: /Failed to start \(exit 128\)/,
  },
  {
    when: "the binary is foreign",
    live: withContainer(crashing(128, 3, "StartError", "exec /app: exec format error")),
    headline: /another processor/,
  },
  {
    when: "the runtime fails",
    live: waits("CreateContainerError", "context deadline exceeded"),
    headline: /container cannot be started/,
    fault: "infrastructure",
  },
  {
    when: "an init container fails",
    live: withPods({
      initContainers: [{ ...crashing(2), name: "migrate" }],
      containers: [broken(waiting("PodInitializing"))],
    }),
    headline: /exit 2: wrong use of a command/,
    detail: /^> init container migrate: Crashing/,
  },
  {
    when: "an init container does not end",
    live: withPods({
      initContainers: [{ ...broken(running), name: "wait" }],
      containers: [broken(waiting("PodInitializing"))],
    }),
    headline: /init container wait has not finished/,
    remedy: /its logs/,
  },
];

const configs: Row[] = [
  {
    when: "a Secret is missing",
    live: waits("CreateContainerConfigError", 'secret "db" not found'),
    headline: /secret db does not exist$/,
    detail: /Failed to generate container configuration: secret "db" not found/,
    remedy: /Create the secret db/,
  },
  {
    when: "a ConfigMap is missing",
    live: waits("CreateContainerConfigError", 'configmap "flags" not found'),
    headline: /configmap flags does not exist/,
  },
  {
    when: "a key is missing",
    live: waits("CreateContainerConfigError", "couldn't find key DATABASE_URL in Secret shop-7/db"),
    headline: /secret db has no key DATABASE_URL/,
    remedy: /Add the key DATABASE_URL/,
  },
  {
    when: "the image runs as root",
    live: waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
    headline: /runs as root/,
    remedy: /numeric USER/,
  },
  {
    when: "something else is wrong",
    live: waits("CreateContainerConfigError", "services have not yet been read"),
    headline: /configuration is wrong/,
  },
];

const probes: Row[] = [
  {
    when: "readiness is answered badly",
    live: NOT_READY,
    events: [onPod("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")],
    headline: /Readiness probe failed: HTTP probe failed with statuscode: 503$/,
    detail: /^> app must respond with a good status code at '\/healthz' on port 8080 \(Readiness/,
    remedy: /`health` in \.proa\.yml/,
  },
  {
    when: "readiness is not answered",
    live: NOT_READY,
    headline: /the readiness probe does not pass on sha256:4f2c6aa…/,
    detail: /^> app must respond/,
  },
  {
    when: "nobody listens",
    live: spec({ readiness: { kind: "tcp", target: ":3000" } }, NOT_READY),
    headline: /readiness probe/,
    detail: /must accept connections on port 3000/,
    remedy: /not 127\.0\.0\.1/,
  },
  {
    when: "a command fails",
    live: spec({ readiness: { kind: "exec", target: "pg_isready" } }, NOT_READY),
    headline: /readiness/,
    detail: /command: 'pg_isready'/,
  },
  {
    when: "gRPC does not answer",
    live: spec({ readiness: { kind: "grpc", target: ":9000" } }, NOT_READY),
    headline: /readiness/,
    detail: /gRPC health checks on port 9000/,
  },
  {
    when: "it has not started yet",
    live: spec({ startup: { kind: "http", target: ":8080/up" } }, withContainer(broken(running))),
    headline: /the startup probe/,
    detail: /'\/up' on port 8080/,
  },
];

describe.each([
  ["an image", images],
  ["a crash", crashes],
  ["a configuration", configs],
  ["probes", probes],
])("about %s, the diagnosis says what to do when", (_, rows) => {
  test.each(rows)("$when", (row) => expect(said(row)).toMatchObject(wanted(row)));
});

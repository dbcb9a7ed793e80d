#!/usr/bin/env bash
# A real node for one command: API server and controllers, containerd, runc and kubelet, in a mount and a network namespace of
# their own, all of it taken down at the end. Needs Linux and root. `main.ts` calls it:
#
#   BIN=… KUBECTL=… ROOT=… PAUSE=… node.sh WORK COMMAND…
#
# BIN     minicluster and kubelet
# KUBECTL kubectl
# ROOT    Debian's containerd, runc, busybox-static and containernetworking-plugins, unpacked; empty: they are installed
# PAUSE   an archive of docker.io/local/pause:1
#
# COMMAND finds the cluster in REALNODE_KUBECONFIG, reaches pods at their own addresses, and says in a folder of its own below
# REALNODE_REGISTRIES where a registry is (containerd's hosts.toml, read at every pull).
set -euo pipefail
if [ -z "${REALNODE_INSIDE:-}" ]; then
  REALNODE_INSIDE=1 exec unshare --mount --net --propagation private -- "$0" "$@"
fi
: "${BIN:?}" "${KUBECTL:?}" "${PAUSE:?}"
ROOT=${ROOT-}
work=$(realpath -m "$1")
shift
PATH="$BIN:$ROOT/usr/bin:$ROOT/usr/sbin:$ROOT/bin:$PATH"

# Fixed places of kubelet, containerd and CNI: fresh ones that end with the namespace, so that nothing of the machine's is touched.
for dir in /run /var/lib /var/log; do mount -t tmpfs tmpfs $dir; done
mkdir -p "$work"/{cluster,kubelet,pods,containerd,cni,registries}
busybox ip link set lo up
# The node's own address (TEST-NET-1): the kubelet refuses a loopback one.
busybox ip addr add 192.0.2.1/32 dev lo
echo 1 >/proc/sys/net/ipv4/ip_forward

cat >"$work/cni/10-pods.conflist" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "pods0",
      "isGateway": true,
      "ipam": {
        "type": "host-local",
        "dataDir": "$work/addresses",
        "ranges": [[{ "subnet": "10.244.0.0/24" }]],
        "routes": [{ "dst": "0.0.0.0/0" }]
      }
    },
    { "type": "loopback" }
  ]
}
JSON

# restrict_oom_score_adj: where root lacks CAP_SYS_RESOURCE, runc dies of it ("can't get final child's PID from pipe: EOF").
cat >"$work/containerd.toml" <<TOML
version = 2
root = "$work/containerd"
state = "/run/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.btrfs"]
[plugins."io.containerd.internal.v1.opt"]
  path = "$work/opt"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/local/pause:1"
  disable_tcp_service = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$work/registries"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$ROOT/usr/lib/cni"
    conf_dir = "$work/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "$(command -v runc)"
      SystemdCgroup = false
TOML

# failCgroupV1: kubelet 1.36 refuses the older hierarchy unless it is told not to.
cat >"$work/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
failSwapOn: false
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
authentication:
  anonymous: { enabled: false }
  webhook: { enabled: true }
  x509: { clientCAFile: $work/cluster/pki/ca.crt }
authorization: { mode: Webhook }
enforceNodeAllocatable: []
evictionHard: { memory.available: 50Mi, nodefs.available: "1%", imagefs.available: "1%" }
podLogsDir: $work/pods
volumePluginDir: $work/plugins
resolvConf: ""
localStorageCapacityIsolation: false
YAML

cluster=
containerd=
kubelet=
down() {
  set +e
  # The kubelet first, or it starts what is stopped here.
  [ -z "$kubelet" ] || { kill "$kubelet" && wait "$kubelet"; } 2>/dev/null
  for task in $(ctr -n k8s.io tasks ls -q 2>/dev/null); do ctr -n k8s.io tasks kill -s KILL "$task"; done 2>/dev/null
  for _ in $(seq 50); do [ -z "$(ctr -n k8s.io tasks ls 2>/dev/null | grep RUNNING)" ] && break || busybox sleep 0.1; done
  kill $containerd $cluster 2>/dev/null
  wait
  find /sys/fs/cgroup -depth -type d \( -path '*/kubepods*' -o -path '*/k8s.io*' \) -exec rmdir {} + 2>/dev/null
}
trap down EXIT

# Looks until it is so; ends where one of the processes has.
until_ok() {
  for _ in $(seq 600); do
    "$@" >/dev/null 2>&1 && return
    for process in $cluster $containerd $kubelet; do kill -0 "$process" 2>/dev/null || break 2; done
    busybox sleep 0.1
  done
  printf 'real node: gave up on "%s"; the end of the logs in %s:\n' "$*" "$work" >&2
  tail -n 5 "$work"/*.log >&2
  exit 1
}

rm -f "$work/cluster/ready.json"
minicluster --dir "$work/cluster" --nodes 0 --kwok=false </dev/null >"$work/cluster.log" 2>&1 &
cluster=$!
containerd --config "$work/containerd.toml" >"$work/containerd.log" 2>&1 &
containerd=$!
until_ok test -f "$work/cluster/ready.json"
until_ok ctr version
ctr -n k8s.io images import "$PAUSE" >/dev/null
kubelet --config="$work/kubelet.yaml" --kubeconfig="$work/cluster/kubeconfig" --root-dir="$work/kubelet" \
  --cert-dir="$work/kubelet/pki" --hostname-override=real-0 --node-ip=192.0.2.1 >"$work/kubelet.log" 2>&1 &
kubelet=$!
until_ok "$KUBECTL" --kubeconfig "$work/cluster/kubeconfig" wait --for=condition=Ready node/real-0 --timeout=1s

REALNODE_KUBECONFIG="$work/cluster/kubeconfig" REALNODE_REGISTRIES="$work/registries" "$@"

package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodeheartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwokcmd "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
)

//go:embed stages/pods.yaml
var podStages string

// startKwok plays the kubelet of every node. All pods share one log, and one for a container's former run.
func startKwok(ctx context.Context, dir string, p *pki, kubeconfig string, ended chan<- error) error {
	log, previous := filepath.Join(dir, "pod.log"), filepath.Join(dir, "pod-previous.log")
	now := time.Now().UTC().Format(time.RFC3339Nano)
	for file, lines := range map[string][]string{
		log:      {"this pod is played, nothing runs in it"},
		previous: {"password=hunter2", "no database"},
	} {
		text := ""
		for _, line := range lines {
			text += now + " stdout F " + line + "\n" // as a container runtime writes it
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
	}
	logs := fmt.Sprintf("apiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterLogs\nmetadata: {name: all}\nspec:\n"+
		"  logs:\n  - {logsFile: %q, previousLogsFile: %q}\n", log, previous)
	stages := []string{nodefast.DefaultNodeInit, nodeheartbeat.DefaultNodeHeartbeatWithLease, podfast.DefaultPodDelete, podStages, logs}
	file := filepath.Join(dir, "kwok.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(stages, "\n---\n")), 0o600); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	run, err := kwokCommand(ctx, []string{
		"--config=" + file, "--kubeconfig=" + kubeconfig, "--manage-all-nodes=true",
		"--node-ip=127.0.0.1", "--cidr=10.244.0.0/16", "--node-lease-duration-seconds=40",
		fmt.Sprintf("--node-port=%d", port), fmt.Sprintf("--server-address=127.0.0.1:%d", port),
		"--tls-cert-file=" + p.file("apiserver.crt"), "--tls-private-key-file=" + p.file("apiserver.key"), "--v=ERROR",
	})
	if err != nil {
		return err
	}
	go func() { ended <- fmt.Errorf("kwok ended: %v", run()) }()
	return nil
}

// kwokCommand makes KWOK's own command ready to run with args. KWOK reads os.Args, so it is lent.
func kwokCommand(ctx context.Context, args []string) (func() error, error) {
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	own := os.Args
	os.Args = append([]string{"kwok"}, args...)
	ctx, _ = kwoklog.InitFlags(ctx, flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	os.Args = own
	if err != nil {
		return nil, err
	}
	command := kwokcmd.NewCommand(ctx)
	command.Version = "" // cobra would find the "version" flag that k8s.io/component-base put on pflag.CommandLine
	command.PersistentFlags().AddFlagSet(flags)
	command.SetArgs(args)
	return func() error { return command.ExecuteContext(ctx) }, nil
}

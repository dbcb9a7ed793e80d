// minicluster is a real Kubernetes control plane for tests: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler and KWOK's fake kubelet in one process, built from Go modules only.
//
//	minicluster [--dir DIR] [--exit-with-stdin] [--nodes N] [--kwok=false] …
//
// Standard output carries one JSON line once everything is ready; standard error one sentence if it could not be.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/klog/v2"
)

type config struct {
	dir           string
	port, nodes   int
	kwok          bool
	exitWithStdin bool
	verbosity     int
	apiserver     stringList
	controllers   stringList
}

type stringList []string

func (s *stringList) String() string     { return strings.Join(*s, " ") }
func (s *stringList) Set(v string) error { *s = append(*s, v); return nil }

func main() {
	var c config
	flag.StringVar(&c.dir, "dir", "", "state folder (default: a new temporary one, removed at the end)")
	flag.IntVar(&c.port, "port", 0, "HTTPS port of the API server on 127.0.0.1 (0: a free one)")
	flag.IntVar(&c.nodes, "nodes", 1, "fake nodes to make")
	flag.BoolVar(&c.kwok, "kwok", true, "run the fake kubelet (KWOK)")
	flag.BoolVar(&c.exitWithStdin, "exit-with-stdin", false, "end when standard input closes, so that a dead parent leaves nothing behind")
	flag.IntVar(&c.verbosity, "v", 0, "verbosity of the logs in DIR/log")
	flag.Var(&c.apiserver, "apiserver-arg", "one more kube-apiserver flag (repeatable)")
	flag.Var(&c.controllers, "controllers-arg", "one more kube-controller-manager flag (repeatable)")
	flag.Parse()
	stderr, _ := syscall.Dup(2)
	if err := run(&c); err != nil {
		_ = syscall.Dup3(stderr, 2, 0)
		fmt.Fprintf(os.Stderr, "minicluster: %v (logs: %s)\n", err, c.dir)
		os.Exit(1)
	}
}

// run starts the parts in order and returns only when one of them has failed.
func run(c *config) error {
	start := time.Now()
	timings := map[string]int64{}
	mark := func(what string) { timings[what] = time.Since(start).Milliseconds() }
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // half the memory for a little more CPU: tests run beside it
	}
	cleanup, err := stateFolder(c)
	if err != nil {
		return err
	}
	endOnSignal(c.exitWithStdin, cleanup)
	if err := sendLogsTo(c.dir, c.verbosity); err != nil {
		return err
	}
	p, err := makePKI(filepath.Join(c.dir, "pki"))
	if err != nil {
		return err
	}
	if c.port == 0 {
		if c.port, err = freePort(); err != nil {
			return err
		}
	}
	server := fmt.Sprintf("https://127.0.0.1:%d", c.port)
	kubeconfig := filepath.Join(c.dir, "kubeconfig")
	if err := p.writeKubeconfig(kubeconfig, server); err != nil {
		return err
	}

	etcd, err := startEtcd(filepath.Join(c.dir, "etcd"), filepath.Join(c.dir, "etcd.log"))
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	mark("etcd")

	// A part that ends, ends all: it never should.
	ctx, ended := context.Background(), make(chan error, 8)
	if err := startAPIServer(ctx, c, p, etcd, ended); err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	rc, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	rc.QPS, rc.Burst = 500, 1000
	client, err := kubernetes.NewForConfig(rc)
	if err != nil {
		return err
	}
	w := waiter{ctx, client, ended}
	if err := w.until("the API server", w.serving); err != nil {
		return err
	}
	mark("apiserver")

	ctx = klog.NewContext(ctx, klog.Background())
	// Clients name themselves, and so the owner of the fields they write, after the program. The controller manager
	// makes its clients when it runs, so it comes last.
	os.Args[0] = "kube-scheduler"
	if err := startScheduler(ctx, kubeconfig, ended); err != nil {
		return fmt.Errorf("kube-scheduler: %w", err)
	}
	if c.kwok {
		if err := startKwok(ctx, c.dir, p, kubeconfig, ended); err != nil {
			return fmt.Errorf("kwok: %w", err)
		}
	}
	os.Args[0] = "kube-controller-manager"
	if err := startControllerManager(ctx, c, p, kubeconfig, ended); err != nil {
		return fmt.Errorf("kube-controller-manager: %w", err)
	}
	for i := range c.nodes {
		if err := makeNode(ctx, client, fmt.Sprintf("node-%d", i)); err != nil {
			return err
		}
	}
	if err := w.until("the default service account", w.serviceAccount); err != nil {
		return err
	}
	if c.kwok {
		if err := w.until("the nodes", w.nodesReady(c.nodes)); err != nil {
			return err
		}
	}
	mark("ready")

	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return err
	}
	line, err := json.Marshal(map[string]any{
		"server": server, "kubeconfig": kubeconfig, "dir": c.dir, "version": version.GitVersion, "ms": timings,
	})
	if err != nil {
		return err
	}
	// Also as a file, complete or not at all, for scripts that cannot read our output.
	partial := filepath.Join(c.dir, "ready.json.partial")
	if err := os.WriteFile(partial, append(line, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(partial, filepath.Join(c.dir, "ready.json")); err != nil {
		return err
	}
	fmt.Println(string(line))
	return <-ended // the folder stays, for its logs
}

// stateFolder makes c.dir absolute and present, and returns what is to be removed at the end.
func stateFolder(c *config) (cleanup func(), err error) {
	temporary := c.dir == ""
	if temporary {
		if c.dir, err = os.MkdirTemp("", "minicluster-"); err != nil {
			return nil, err
		}
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, err
	}
	data := filepath.Join(c.dir, "etcd")
	if temporary {
		data = c.dir
	}
	return sync.OnceFunc(func() { _ = os.RemoveAll(data) }), nil
}

func endOnSignal(alsoWithStdin bool, cleanup func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if alsoWithStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			signals <- syscall.SIGHUP
		}()
	}
	go func() {
		<-signals
		cleanup()
		os.Exit(0)
	}()
}

// sendLogsTo keeps our own two streams clean: klog goes to DIR/log; what the etcd client, KWOK and the Go runtime
// write to file descriptor 2 goes to DIR/stderr.
func sendLogsTo(dir string, verbosity int) error {
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		return err
	}
	if err := syscall.Dup3(int(stderr.Fd()), 2, 0); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	err = flags.Parse([]string{"-logtostderr=false", "-alsologtostderr=false", "-stderrthreshold=FATAL", fmt.Sprintf("-v=%d", verbosity)})
	klog.SetOutput(log)
	return err
}

// parse joins a component's named flag sets into one and parses args with it.
func parse(component string, sets cliflag.NamedFlagSets, args []string) error {
	flags := pflag.NewFlagSet(component, pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	return flags.Parse(args)
}

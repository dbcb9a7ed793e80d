package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"k8s.io/client-go/rest"
	apiserverapp "k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	kcmapp "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kcmoptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	schedulerapp "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// The components' own functions, not their cobra commands: each command sets up signal handling, which panics the
// second time in one process.

func startAPIServer(ctx context.Context, c *config, p *pki, etcd string, ended chan<- error) error {
	o := apiserveroptions.NewServerRunOptions()
	if err := parse("kube-apiserver", o.Flags(), append([]string{
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", c.port),
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=Node,RBAC",
		"--client-ca-file=" + p.file("ca.crt"),
		"--tls-cert-file=" + p.file("apiserver.crt"),
		"--tls-private-key-file=" + p.file("apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + p.file("sa.key"),
		"--service-account-signing-key-file=" + p.file("sa.key"),
		"--kubelet-client-certificate=" + p.file("admin.crt"),
		"--kubelet-client-key=" + p.file("admin.key"),
		"--kubelet-preferred-address-types=InternalIP,Hostname",
		"--allow-privileged=true",
		"--enable-priority-and-fairness=false",
		"--profiling=false",
	}, c.apiserver...)); err != nil {
		return err
	}
	if err := o.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	completed, err := o.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return errors.Join(errs...)
	}
	go func() { ended <- fmt.Errorf("kube-apiserver ended: %v", apiserverapp.Run(ctx, completed)) }()
	return nil
}

func startControllerManager(ctx context.Context, c *config, p *pki, kubeconfig string, ended chan<- error) error {
	o, err := kcmoptions.NewKubeControllerManagerOptions()
	if err != nil {
		return err
	}
	known, disabled, aliases := kcmapp.KnownControllers(), kcmapp.ControllersDisabledByDefault(), kcmapp.ControllerAliases()
	flags := o.Flags(known, disabled, aliases)
	o.ParsedFlags = &flags
	if err := parse("kube-controller-manager", flags, append([]string{
		"--kubeconfig=" + kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
		"--service-account-private-key-file=" + p.file("sa.key"),
		"--root-ca-file=" + p.file("ca.crt"),
		"--cluster-signing-cert-file=" + p.file("ca.crt"),
		"--cluster-signing-key-file=" + p.file("ca.key"),
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--controller-start-interval=0s",
		"--concurrent-namespace-syncs=30",
		"--flex-volume-plugin-dir=" + filepath.Join(c.dir, "flex"), // else it makes a folder under /usr/libexec
	}, c.controllers...)); err != nil {
		return err
	}
	completed, err := o.Config(ctx, known, disabled, aliases)
	if err != nil {
		return err
	}
	go func() {
		ended <- fmt.Errorf("kube-controller-manager ended: %v", kcmapp.Run(ctx, completed.Complete()))
	}()
	return nil
}

func startScheduler(ctx context.Context, kubeconfig string, ended chan<- error) error {
	o := scheduleroptions.NewOptions()
	if err := parse("kube-scheduler", *o.Flags, []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
		"--kube-api-qps=500", "--kube-api-burst=1000",
	}); err != nil {
		return err
	}
	completed, scheduler, err := schedulerapp.Setup(ctx, o)
	if err != nil {
		return err
	}
	go func() { ended <- fmt.Errorf("kube-scheduler ended: %v", schedulerapp.Run(ctx, completed, scheduler)) }()
	return nil
}

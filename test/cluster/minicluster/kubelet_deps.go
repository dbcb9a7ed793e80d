//go:build kubelet

package main

// Only so that go.mod and go.sum cover `go build k8s.io/kubernetes/cmd/kubelet` as well.
import _ "k8s.io/kubernetes/cmd/kubelet/app"

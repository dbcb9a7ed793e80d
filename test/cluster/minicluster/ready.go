package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

type waiter struct {
	ctx    context.Context
	client kubernetes.Interface
	ended  <-chan error
}

// until looks every 10 ms, and gives up when a part has ended or after two minutes.
func (w waiter) until(what string, isSo func(context.Context) (bool, error)) error {
	var last error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-w.ended:
			return err
		default:
		}
		ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
		so, err := isSo(ctx)
		cancel()
		if so && err == nil {
			return nil
		}
		last = err
	}
	return fmt.Errorf("%s: not ready in 2 minutes (%v)", what, last)
}

func (w waiter) serving(ctx context.Context) (bool, error) {
	var code int
	answer := w.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&code)
	return code == http.StatusOK, answer.Error()
}

func (w waiter) serviceAccount(ctx context.Context) (bool, error) {
	_, err := w.client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	return err == nil, err
}

// nodesReady waits for the taint of a new node to go as well: pods are scheduled at once after that.
func (w waiter) nodesReady(wanted int) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		list, err := w.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		ready := 0
		for _, node := range list.Items {
			for _, condition := range node.Status.Conditions {
				if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue && len(node.Spec.Taints) == 0 {
					ready++
				}
			}
		}
		return ready >= wanted, nil
	}
}

func makeNode(ctx context.Context, client kubernetes.Interface, name string) error {
	_, err := client.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: name,
		Labels: map[string]string{
			"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		},
	}}, metav1.CreateOptions{})
	return err
}

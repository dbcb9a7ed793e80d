package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
)

// startEtcd runs etcd in this process, in plain HTTP on loopback, and returns the URL that clients use.
// Its data lives as long as the tests do, so it is neither synced to disk nor given much of it.
func startEtcd(dir, log string) (string, error) {
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	c := embed.NewConfig()
	c.Dir = dir
	c.LogLevel, c.LogOutputs = "error", []string{log}
	c.UnsafeNoFsync = true
	wal.SegmentSizeBytes = 4 << 20   // else two segments of 64 MB are reserved at once
	c.TickMs, c.ElectionMs = 10, 100 // alone, so no reason to wait a second before electing itself
	c.QuotaBackendBytes = 1 << 30
	client, err := loopback()
	if err != nil {
		return "", err
	}
	peer, err := loopback()
	if err != nil {
		return "", err
	}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	etcd, err := embed.StartEtcd(c)
	if err != nil {
		return "", err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return client.String(), nil
	case err := <-etcd.Err():
		return "", err
	case <-time.After(60 * time.Second):
		return "", errors.New("not ready in 60 s")
	}
}

func loopback() (*url.URL, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return url.Parse(fmt.Sprintf("http://127.0.0.1:%d", port))
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// pki is a folder with an authority made for this one cluster, the API server's and the administrator's
// certificates, and the key that signs service accounts' tokens.
type pki struct{ dir string }

func (p *pki) file(name string) string { return filepath.Join(p.dir, name) }

type identity struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func makePKI(dir string) (*pki, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &pki{dir}
	ca, err := p.issue("ca", x509.Certificate{
		Subject: pkix.Name{CommonName: "minicluster-ca"},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}, nil)
	if err != nil {
		return nil, err
	}
	if _, err := p.issue("apiserver", x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)},
	}, ca); err != nil {
		return nil, err
	}
	if _, err := p.issue("admin", x509.Certificate{
		Subject:     pkix.Name{CommonName: "minicluster-admin", Organization: []string{"system:masters"}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, ca); err != nil {
		return nil, err
	}
	_, err = p.issue("sa", x509.Certificate{Subject: pkix.Name{CommonName: "service-accounts"}}, nil)
	return p, err
}

// issue writes NAME.crt and NAME.key, signed by `by` or, without one, by itself.
func (p *pki) issue(name string, template x509.Certificate, by *identity) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, err
	}
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = template.NotBefore.AddDate(10, 0, 0)
	if by == nil {
		by = &identity{&template, key}
	}
	signed, err := x509.CreateCertificate(rand.Reader, &template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(signed)
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(p.file(name+".crt"), "CERTIFICATE", signed); err != nil {
		return nil, err
	}
	return &identity{certificate, key}, writePEM(p.file(name+".key"), "EC PRIVATE KEY", encoded)
}

func writePEM(file, kind string, content []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
}

func (p *pki) writeKubeconfig(file, server string) error {
	encoded := map[string]string{}
	for _, name := range []string{"ca.crt", "admin.crt", "admin.key"} {
		content, err := os.ReadFile(p.file(name))
		if err != nil {
			return err
		}
		encoded[name] = base64.StdEncoding.EncodeToString(content)
	}
	return os.WriteFile(file, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: minicluster
  cluster: {server: %q, certificate-authority-data: %s}
users:
- name: admin
  user: {client-certificate-data: %s, client-key-data: %s}
contexts:
- name: minicluster
  context: {cluster: minicluster, user: admin, namespace: default}
current-context: minicluster
`, server, encoded["ca.crt"], encoded["admin.crt"], encoded["admin.key"]), 0o600)
}

// Command apiserver is a real kube-apiserver and its etcd in one process, for tests.
//
// It listens on one loopback port, keeps everything it writes under -dir, and prints one
// JSON line when it is ready. It ends on SIGTERM, SIGINT, or, with -stdin, when its standard
// input closes: a test run that is killed leaves no server behind.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

const issuer = "https://kubernetes.default.svc"

// place is the folder that holds one server's data, keys and logs. Started again on the same
// place, a server keeps its data, its certificate and its tokens.
type place string

func (p place) path(name string) string { return filepath.Join(string(p), name) }

func main() {
	dir := flag.String("dir", "", "folder for data, keys and logs; short, for it holds unix sockets")
	address := flag.String("address", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 0, "port to listen on; 0 takes a free one")
	stdin := flag.Bool("stdin", false, "end when standard input closes")
	controlled := flag.Bool("controlled", false, "a controller manager runs: pods need service accounts")
	flag.Parse() // what follows -- goes to kube-apiserver as it is

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if *stdin {
		go func() { _, _ = io.Copy(io.Discard, os.Stdin); stop() }()
	}
	absolute, err := filepath.Abs(*dir)
	check(err)
	here := place(absolute)
	check(os.MkdirAll(string(here), 0o700))
	token := prepare(here)
	etcd := startEtcd(here)
	listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", *address, *port))
	check(err)
	go announce(ctx, here, "https://"+listener.Addr().String(), token)
	serve(ctx, here, etcd, listener, *controlled, flag.Args())
}

// prepare makes the signing key and the administrator's token, unless an earlier start did.
func prepare(here place) string {
	if _, err := os.Stat(here.path("sa.key")); errors.Is(err, fs.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(err)
		der, err := x509.MarshalECPrivateKey(key)
		check(err)
		block := pem.Block{Type: "EC PRIVATE KEY", Bytes: der}
		check(os.WriteFile(here.path("sa.key"), pem.EncodeToMemory(&block), 0o600))
		secret := make([]byte, 16)
		_, _ = rand.Read(secret)
		line := hex.EncodeToString(secret) + ",admin,admin,\"system:masters\"\n"
		check(os.WriteFile(here.path("tokens.csv"), []byte(line), 0o600))
	}
	line, err := os.ReadFile(here.path("tokens.csv"))
	check(err)
	token, _, _ := strings.Cut(string(line), ",")
	return token
}

// startEtcd runs etcd on unix sockets only: servers side by side never meet on a port.
func startEtcd(here place) string {
	config := embed.NewConfig()
	config.Dir = here.path("etcd")
	client := url.URL{Scheme: "unix", Path: here.path("etcd.sock")}
	peer := url.URL{Scheme: "unix", Path: here.path("peer.sock")}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.UnsafeNoFsync = true // nothing here has to survive a power cut
	config.LogLevel = "error"
	config.LogOutputs = []string{here.path("etcd.log")}
	server, err := embed.StartEtcd(config)
	check(err)
	<-server.Server.ReadyNotify()
	return client.String()
}

// serve runs kube-apiserver until ctx ends. It takes a listener that is already open, so that
// a free port cannot be lost between choosing and binding it.
func serve(ctx context.Context, here place, etcd string, on net.Listener, controlled bool, more []string) {
	admission := "--disable-admission-plugins=ServiceAccount"
	if controlled {
		admission = "--enable-admission-plugins=ServiceAccount"
	}
	arguments := append([]string{
		"--etcd-servers=" + etcd,
		"--bind-address=" + on.Addr().(*net.TCPAddr).IP.String(),
		"--advertise-address=" + on.Addr().(*net.TCPAddr).IP.String(),
		"--endpoint-reconciler-type=none",
		"--cert-dir=" + here.path("certs"),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=Node,RBAC",
		"--token-auth-file=" + here.path("tokens.csv"),
		"--service-account-issuer=" + issuer,
		"--api-audiences=" + issuer,
		"--service-account-key-file=" + here.path("sa.key"),
		"--service-account-signing-key-file=" + here.path("sa.key"),
		"--allow-privileged",
		"--shutdown-watch-termination-grace-period=2s", // else an open watch holds the end up for a minute
		admission,
	}, more...)

	run := options.NewServerRunOptions()
	run.SecureServing.Listener = on
	run.SecureServing.BindPort = on.Addr().(*net.TCPAddr).Port
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ExitOnError)
	for _, set := range run.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	check(flags.Parse(arguments))
	check(run.GenericServerRunOptions.ComponentGlobalsRegistry.Set())
	check(logsapi.ValidateAndApply(run.Logs, utilfeature.DefaultFeatureGate))
	completed, err := run.Complete(ctx)
	check(err)
	check(errors.Join(completed.Validate()...))
	check(app.Run(ctx, completed))
}

// announce waits until the server calls itself ready, writes a kubeconfig for its
// administrator and prints where everything is.
func announce(ctx context.Context, here place, server, token string) {
	authority := here.path("certs/apiserver.crt")
	for ctx.Err() == nil && !isReady(server, authority, token) {
		time.Sleep(25 * time.Millisecond)
	}
	kubeconfig := here.path("kubeconfig")
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": []any{map[string]any{"name": "test", "cluster": map[string]any{
			"server": server, "certificate-authority": authority}}},
		"users": []any{map[string]any{"name": "admin", "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": "test", "context": map[string]any{
			"cluster": "test", "user": "admin"}}},
	})
	check(err)
	check(os.WriteFile(kubeconfig, text, 0o600))
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"url": server, "ca": authority, "token": token, "kubeconfig": kubeconfig}))
}

func isReady(server, authority, token string) bool {
	certificate, err := os.ReadFile(authority)
	if err != nil {
		return false
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	request, err := http.NewRequest(http.MethodGet, server+"/readyz", nil)
	check(err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

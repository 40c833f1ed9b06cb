// Command controlplane is a Kubernetes control plane in one file: etcd, kube-apiserver, kube-controller-manager
// and kubectl of one release, linked from their Go modules. freshet.local builds it once and runs each part as a
// process of its own:
//
//	controlplane etcd --data-dir DIR --listen unix://etcd.sock
//	controlplane kube-apiserver FLAGS…
//	controlplane kube-controller-manager FLAGS…
//	controlplane kubectl ARGS…        (also when the file is called by the name kubectl)
package main

import (
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // CronJobs name time zones; a bare machine may have no zone database.

	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// parts are functions and not ready-made commands: the API server's constructor claims the process's signal
// handler, and a second claim panics, so only the part that is asked for may be constructed.
var parts = map[string]func() int{
	"etcd":                    runEtcd,
	"kube-apiserver":          runAPIServer,
	"kube-controller-manager": runControllerManager,
	"kubectl":                 runKubectl,
}

func main() {
	name, arguments := requested(os.Args)
	run, known := parts[name]
	if !known {
		fmt.Fprintln(os.Stderr, "usage: controlplane etcd|kube-apiserver|kube-controller-manager|kubectl ARGUMENTS")
		os.Exit(2)
	}
	os.Args = append([]string{name}, arguments...)
	if err := holdLifeline(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(2)
	}
	os.Exit(run())
}

// requested tells the part that is asked for, and its arguments: by the name of the file (a link), or by the first argument.
func requested(arguments []string) (string, []string) {
	if name := filepath.Base(arguments[0]); parts[name] != nil {
		return name, arguments[1:]
	}
	if len(arguments) < 2 {
		return "", nil
	}
	return arguments[1], arguments[2:]
}

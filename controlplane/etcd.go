package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
)

// runEtcd serves one etcd member until SIGTERM or SIGINT. Its flags are few: a cluster of one, for one API server.
func runEtcd() int {
	config, err := etcdConfig(os.Args[1:])
	if err != nil {
		return complain(err)
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return complain(err)
	}
	defer server.Close()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-signals:
		return 0
	case err := <-server.Err():
		return complain(err)
	}
}

func etcdConfig(arguments []string) (*embed.Config, error) {
	config := embed.NewConfig()
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	flags.StringVar(&config.Dir, "data-dir", "", "folder of the data")
	listen := flags.String("listen", "", "URL to serve clients on: http://127.0.0.1:PORT or unix://FILE")
	peer := flags.String("listen-peer", "", "URL for other members, of which there are none")
	flags.BoolVar(&config.UnsafeNoFsync, "unsafe-no-fsync", false, "do not wait for the disk: only for data that may be lost")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	if config.Dir == "" {
		return nil, fmt.Errorf("--data-dir is required")
	}
	if err := setAddresses(config, *listen, *peer); err != nil {
		return nil, err
	}
	config.LogLevel = "warn"
	// The one member elects itself: there is nobody whose heartbeat it should wait a second for.
	config.TickMs, config.ElectionMs = 10, 100
	config.AutoCompactionMode, config.AutoCompactionRetention = "periodic", "5m"
	return config, nil
}

func setAddresses(config *embed.Config, listen, peer string) error {
	clients, err := url.Parse(listen)
	if err != nil || clients.Host == "" {
		return fmt.Errorf("--listen %q must be a URL", listen)
	}
	members, err := url.Parse(peer)
	if err != nil || members.Host == "" {
		return fmt.Errorf("--listen-peer %q must be a URL", peer)
	}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*clients}, []url.URL{*clients}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*members}, []url.URL{*members}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	return nil
}

func complain(err error) int {
	fmt.Fprintf(os.Stderr, "etcd: %v\n", err)
	return 1
}

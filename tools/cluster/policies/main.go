// Enforces NetworkPolicies on the one node of the real rung: kube-router's controller for them, without its router and
// its proxy. The bridge that joins the pods enforces none.
//
// kube-router knows a pod from when the API server tells its address, which is after its first container has started. What a
// pod without egress does in that second would be let through, so TCP from addresses that it has no rules for is dropped.
package main

import (
	"context"
	"flag"
	"log"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// The chain that drops what comes from addresses for which there are no rules yet.
const unknown = "HOLDFAST-UNKNOWN"

func main() {
	config := options.NewKubeRouterConfig()
	config.EnableIPv4 = true
	kubeconfig := flag.String("kubeconfig", "", "of an administrator")
	pods := flag.String("pods", "", "the range of the pods")
	flag.StringVar(&config.HostnameOverride, "node", "", "the node's name")
	services := flag.String("services", "", "the range of the services")
	flag.Parse()
	config.ClusterIPCIDRs = []string{*services}

	client, err := clientOf(*kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	// kube-router writes the filter's tables and all sets of addresses anew, also those that are not its own.
	mangle("-N", unknown)
	mangle("-A", unknown, "-j", "DROP")
	mangle("-A", "FORWARD", "-s", *pods, "-p", "tcp", "-m", "conntrack", "--ctstate", "NEW", "-j", unknown)
	if err := enforce(client, config); err != nil {
		log.Fatal(err)
	}
}

func clientOf(kubeconfig string) (kubernetes.Interface, error) {
	rest, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(rest)
}

// Ends with the process.
func enforce(client kubernetes.Interface, config *options.KubeRouterConfig) error {
	pods := watched(client.CoreV1().RESTClient(), "pods", &core.Pod{})
	namespaces := watched(client.CoreV1().RESTClient(), "namespaces", &core.Namespace{})
	policies := watched(client.NetworkingV1().RESTClient(), "networkpolicies", &networking.NetworkPolicy{})
	tables, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return err
	}
	controller, err := netpol.NewNetworkPolicyController(
		client, config, pods, policies, namespaces, &sync.Mutex{}, tables, sets)
	if err != nil {
		return err
	}
	never := make(chan struct{})
	for _, each := range []cache.SharedIndexInformer{pods, namespaces, policies} {
		go each.Run(never)
		cache.WaitForCacheSync(never, each.HasSynced)
	}
	for _, each := range []struct {
		informer cache.SharedIndexInformer
		handler  cache.ResourceEventHandler
	}{
		{pods, controller.PodEventHandler},
		{namespaces, controller.NamespaceEventHandler},
		{policies, controller.NetworkPolicyEventHandler},
	} {
		if _, err := each.informer.AddEventHandler(each.handler); err != nil {
			return err
		}
	}
	beats := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		for range beats {
		}
	}()
	go open(pods.GetStore())
	var running sync.WaitGroup
	running.Add(1)
	controller.Run(beats, never, &running)
	return nil
}

// client-go's own factory would bring the informers of all kinds, and a minute of compiling.
func watched(client cache.Getter, resource string, kind runtime.Object) cache.SharedIndexInformer {
	list := cache.NewListWatchFromClient(client, resource, core.NamespaceAll, fields.Everything())
	byNamespace := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	return cache.NewSharedIndexInformer(list, kind, 0, byNamespace)
}

// Lets out the pods that have rules by now, and no others.
func open(pods cache.Store) {
	let := map[string]bool{}
	for range time.Tick(100 * time.Millisecond) {
		standing := map[string]bool{}
		wanted := false
		for _, each := range pods.List() {
			pod := each.(*core.Pod)
			if pod.Status.PodIP == "" || pod.Spec.HostNetwork {
				continue
			}
			standing[pod.Status.PodIP] = true
			wanted = wanted || !let[pod.Status.PodIP]
		}
		for address := range let {
			if !standing[address] {
				mangle("-D", unknown, "-s", address, "-j", "RETURN")
				delete(let, address)
			}
		}
		if !wanted {
			continue
		}
		rules := run("iptables", "-w", "-S", "KUBE-ROUTER-FORWARD")
		for address := range standing {
			if !let[address] && strings.Contains(rules, "-s "+address+"/32 ") {
				mangle("-I", unknown, "-s", address, "-j", "RETURN")
				let[address] = true
			}
		}
	}
}

func mangle(args ...string) {
	run("iptables", append([]string{"-w", "-t", "mangle"}, args...)...)
}

func run(program string, args ...string) string {
	ended, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ended, program, args...).CombinedOutput()
	if err != nil {
		log.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

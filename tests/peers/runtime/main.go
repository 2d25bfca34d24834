// SPDX-License-Identifier: Apache-2.0

// runtime is the small controller-runtime controller that `make bench-kube` measures barewire-controller against: a
// manager with its cache, one reconciler of claims.
package main

import (
	"flag"
	"log"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"barewire.invalid/peers/claims"
	"barewire.invalid/peers/v1alpha1"
)

func run(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // its own limit of 20 a second would be all that is measured
	config.UserAgent = "peer-runtime"
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{DefaultTransform: cache.TransformStripManagedFields()}})
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if err := claims.Setup(ctx, mgr); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func main() {
	// controller-runtime brings the flag --kubeconfig.
	flag.Parse()
	ctrl.SetLogger(zap.New())
	if err := run(flag.Lookup("kubeconfig").Value.String()); err != nil {
		log.Fatal(err)
	}
}

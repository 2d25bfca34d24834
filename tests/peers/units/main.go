// SPDX-License-Identifier: Apache-2.0

// units is the small controller-runtime controller that `make bench-units` measures barewire-controller against: for
// each Unit a claim with its address, a volume claim, a pod of its name when the claim is bound, a Service, an
// EndpointSlice, and the status, written where it differs.
package main

import (
	"context"
	"flag"
	"log"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"barewire.invalid/peers/claims"
	"barewire.invalid/peers/v1alpha1"
	"barewire.invalid/peers/work"
)

const unitLabel = "db.barewire.dev/unit"

func setup(mgr ctrl.Manager) error {
	ofUnit := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		name := o.GetLabels()[unitLabel]
		if name == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}}
	})
	return ctrl.NewControllerManagedBy(mgr).For(&v1alpha1.Unit{}).Owns(&v1alpha1.NetworkClaim{}).Owns(&corev1.Pod{}).Owns(&corev1.Service{}).
		Owns(&discoveryv1.EndpointSlice{}).Watches(&corev1.PersistentVolumeClaim{}, ofUnit).
		WithOptions(controller.Options{MaxConcurrentReconciles: work.Workers}).Complete(&reconciler{mgr.GetClient()})
}

func run(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // its own limit of 20 a second would be all that is measured
	config.UserAgent = "peer-units"
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, v1alpha1.AddUnitsToScheme, corev1.AddToScheme, discoveryv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	is, err := labels.NewRequirement(unitLabel, selection.Exists, nil)
	if err != nil {
		return err
	}
	ours := cache.ByObject{Label: labels.NewSelector().Add(*is)}
	mgr, err := ctrl.NewManager(config, ctrl.Options{Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}: ours, &corev1.Service{}: ours, &discoveryv1.EndpointSlice{}: ours}}})
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if err := claims.Setup(ctx, mgr); err != nil {
		return err
	}
	if err := setup(mgr); err != nil {
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

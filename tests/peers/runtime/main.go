// SPDX-License-Identifier: Apache-2.0

// runtime is the small controller-runtime controller that `make bench-kube` measures barewire-controller against: a
// manager with its cache, one reconciler of claims, 64 at once.
package main

import (
	"context"
	"errors"
	"flag"
	"log"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"barewire.invalid/peers/v1alpha1"
	"barewire.invalid/peers/work"
)

var errTaken = errors.New("the address is another claim's")

type reconciler struct {
	client.Client
	live client.Reader
	book *work.Book
}

func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var claim v1alpha1.NetworkClaim
	if err := r.Get(ctx, req.NamespacedName, &claim); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if work.Bound(&claim) {
		return ctrl.Result{}, nil
	}
	var pool v1alpha1.NetworkPool
	if err := r.Get(ctx, types.NamespacedName{Name: claim.Spec.Interfaces[0].Network}, &pool); err != nil {
		return ctrl.Result{}, err
	}
	ip, err := r.book.Pick(&pool, claim.UID)
	if err != nil {
		return ctrl.Result{}, err
	}
	lock := work.Address(&pool, &claim, ip)
	err = r.Create(ctx, lock)
	if apierrors.IsAlreadyExists(err) {
		var live v1alpha1.NetworkAddress
		if err := r.live.Get(ctx, types.NamespacedName{Name: lock.Name}, &live); err != nil {
			return ctrl.Result{}, err
		}
		if live.Spec.Claim == nil || live.Spec.Claim.UID != string(claim.UID) {
			r.book.Taken(claim.UID, &live)
			return ctrl.Result{}, errTaken
		}
	} else if err != nil {
		return ctrl.Result{}, err
	}
	patch, err := work.StatusPatch(&pool, &claim, ip)
	if err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.Status().Patch(ctx, &claim, client.RawPatch(types.MergePatchType, patch))
}

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
	r := &reconciler{Client: mgr.GetClient(), live: mgr.GetAPIReader(), book: work.NewBook()}
	ctx := ctrl.SetupSignalHandler()
	// The manager starts no reconciler before these are complete.
	if _, err := mgr.GetCache().GetInformer(ctx, &v1alpha1.NetworkPool{}); err != nil {
		return err
	}
	addresses, err := mgr.GetCache().GetInformer(ctx, &v1alpha1.NetworkAddress{})
	if err != nil {
		return err
	}
	saw := func(o any) { r.book.Saw(o.(*v1alpha1.NetworkAddress)) }
	if _, err := addresses.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: saw, UpdateFunc: func(_, o any) { saw(o) }}); err != nil {
		return err
	}
	err = ctrl.NewControllerManagedBy(mgr).For(&v1alpha1.NetworkClaim{}).WithOptions(controller.Options{MaxConcurrentReconciles: work.Workers}).Complete(r)
	if err != nil {
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

// SPDX-License-Identifier: Apache-2.0

// Package claims is the controller-runtime reconciler that gives claims their addresses: 64 at once.
package claims

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

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

// Setup adds the reconciler to a manager.
func Setup(ctx context.Context, mgr ctrl.Manager) error {
	r := &reconciler{Client: mgr.GetClient(), live: mgr.GetAPIReader(), book: work.NewBook()}
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
	return ctrl.NewControllerManagedBy(mgr).For(&v1alpha1.NetworkClaim{}).WithOptions(controller.Options{MaxConcurrentReconciles: work.Workers}).Complete(r)
}

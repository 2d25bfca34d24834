// SPDX-License-Identifier: Apache-2.0

// informer is the small client-go controller that `make bench-kube` measures barewire-controller against: typed shared
// informers, a work queue, 64 workers.
package main

import (
	"context"
	"errors"
	"flag"
	"log"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"

	"barewire.invalid/peers/v1alpha1"
	"barewire.invalid/peers/work"
)

var errTaken = errors.New("the address is another claim's")

type controller struct {
	client        *rest.RESTClient
	claims, pools cache.Store
	book          *work.Book
	queue         workqueue.TypedRateLimitingInterface[string]
}

func restClient(kubeconfig string) (*rest.RESTClient, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config.QPS = -1 // its own limit of 5 a second would be all that is measured
	config.APIPath, config.GroupVersion = "/apis", &v1alpha1.GroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.UserAgent = "peer-informer"
	return rest.RESTClientFor(config)
}

// strip keeps what nobody reads out of the cache.
func strip(o any) (any, error) {
	if m, ok := o.(metav1.Object); ok {
		m.SetManagedFields(nil)
	}
	return o, nil
}

func (c *controller) informer(resource string, example runtime.Object, h cache.ResourceEventHandler) cache.SharedIndexInformer {
	i := cache.NewSharedIndexInformer(cache.NewListWatchFromClient(c.client, resource, "", fields.Everything()), example, 0, cache.Indexers{})
	if err := i.SetTransform(strip); err != nil {
		log.Fatal(err)
	}
	if _, err := i.AddEventHandler(h); err != nil {
		log.Fatal(err)
	}
	return i
}

func (c *controller) enqueue(o any) {
	if key, err := cache.MetaNamespaceKeyFunc(o); err == nil {
		c.queue.Add(key)
	}
}

func (c *controller) reconcile(ctx context.Context, key string) error {
	o, ok, err := c.claims.GetByKey(key)
	if err != nil || !ok {
		return err
	}
	claim := o.(*v1alpha1.NetworkClaim)
	if work.Bound(claim) {
		return nil
	}
	o, ok, err = c.pools.GetByKey(claim.Spec.Interfaces[0].Network)
	if err != nil || !ok {
		return err
	}
	pool := o.(*v1alpha1.NetworkPool)
	ip, err := c.book.Pick(pool, claim.UID)
	if err != nil {
		return err
	}
	lock := work.Address(pool, claim, ip)
	err = c.client.Post().Resource("networkaddresses").Body(lock).Do(ctx).Error()
	if apierrors.IsAlreadyExists(err) {
		var live v1alpha1.NetworkAddress
		if err := c.client.Get().Resource("networkaddresses").Name(lock.Name).Do(ctx).Into(&live); err != nil {
			return err
		}
		if live.Spec.Claim == nil || live.Spec.Claim.UID != string(claim.UID) {
			c.book.Taken(claim.UID, &live)
			return errTaken
		}
	} else if err != nil {
		return err
	}
	patch, err := work.StatusPatch(pool, claim, ip)
	if err != nil {
		return err
	}
	return c.client.Patch(types.MergePatchType).Namespace(claim.Namespace).Resource("networkclaims").Name(claim.Name).SubResource("status").
		Body(patch).Do(ctx).Error()
}

func (c *controller) worker(ctx context.Context) {
	for {
		key, stop := c.queue.Get()
		if stop {
			return
		}
		if err := c.reconcile(ctx, key); err != nil {
			c.queue.AddRateLimited(key)
		} else {
			c.queue.Forget(key)
		}
		c.queue.Done(key)
	}
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "path")
	flag.Parse()
	client, err := restClient(*kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	c := &controller{client: client, book: work.NewBook(), queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())}
	saw := func(o any) { c.book.Saw(o.(*v1alpha1.NetworkAddress)) }
	claims := c.informer("networkclaims", &v1alpha1.NetworkClaim{}, cache.ResourceEventHandlerFuncs{
		AddFunc: c.enqueue, UpdateFunc: func(_, o any) { c.enqueue(o) }})
	addresses := c.informer("networkaddresses", &v1alpha1.NetworkAddress{}, cache.ResourceEventHandlerFuncs{
		AddFunc: saw, UpdateFunc: func(_, o any) { saw(o) }})
	pools := c.informer("networkpools", &v1alpha1.NetworkPool{}, cache.ResourceEventHandlerFuncs{})
	c.claims, c.pools = claims.GetStore(), pools.GetStore()
	for _, i := range []cache.SharedIndexInformer{claims, addresses, pools} {
		go i.Run(ctx.Done())
	}
	if !cache.WaitForCacheSync(ctx.Done(), claims.HasSynced, addresses.HasSynced, pools.HasSynced) {
		log.Fatal("no sync")
	}
	for range work.Workers {
		go c.worker(ctx)
	}
	<-ctx.Done()
}

// SPDX-License-Identifier: Apache-2.0

// Package work is what both peers do with a claim, whatever framework hands it to them: the lowest free address of the
// pool, one CREATE that takes it, one compare-and-swap of the claim's status. The least that gives the same result as
// barewire-controller for such claims: no placement, release, cooldown, quota, restore or sweep.
package work

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"barewire.invalid/peers/v1alpha1"
)

// Workers is how many claims are under way at once, as many as barewire-controller has calls in flight.
const Workers = 64

// Book knows which addresses are used, and which one a claim was given.
type Book struct {
	mu     sync.Mutex
	used   map[netip.Addr]types.UID
	given  map[types.UID]netip.Addr
	lowest map[string]netip.Addr
}

// NewBook is empty.
func NewBook() *Book {
	return &Book{used: map[netip.Addr]types.UID{}, given: map[types.UID]netip.Addr{}, lowest: map[string]netip.Addr{}}
}

// Saw enters an address that the API server has.
func (b *Book) Saw(o *v1alpha1.NetworkAddress) {
	ip, err := netip.ParseAddr(o.Spec.Address)
	if err != nil || o.Spec.Claim == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used[ip] = types.UID(o.Spec.Claim.UID)
}

// Taken enters an address that turned out to be somebody else's.
func (b *Book) Taken(claim types.UID, o *v1alpha1.NetworkAddress) {
	b.Saw(o)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.given, claim)
}

// Pick gives a claim the lowest free address of a pool, the same one when it asks again.
func (b *Book) Pick(pool *v1alpha1.NetworkPool, claim types.UID) (netip.Addr, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ip, ok := b.given[claim]; ok {
		return ip, nil
	}
	for _, text := range pool.Spec.Ranges {
		from, to, ok := strings.Cut(text, "-")
		first, err := netip.ParseAddr(from)
		last, err2 := netip.ParseAddr(to)
		if !ok || err != nil || err2 != nil {
			return netip.Addr{}, fmt.Errorf("range %q", text)
		}
		ip, ok := b.lowest[text]
		if !ok {
			ip = first
		}
		for ; ip.Compare(last) <= 0; ip = ip.Next() {
			if _, ok := b.used[ip]; !ok {
				b.lowest[text] = ip.Next()
				b.used[ip], b.given[claim] = claim, ip
				return ip, nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("pool %s is exhausted", pool.Name)
}

// Bound is true when nothing is to be done.
func Bound(c *v1alpha1.NetworkClaim) bool { return len(c.Status.Interfaces) > 0 }

// Address is the lock of ip for a claim.
func Address(pool *v1alpha1.NetworkPool, c *v1alpha1.NetworkClaim, ip netip.Addr) *v1alpha1.NetworkAddress {
	return &v1alpha1.NetworkAddress{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NetworkAddress"},
		ObjectMeta: metav1.ObjectMeta{Name: pool.Spec.Domain + "." + strings.ReplaceAll(ip.String(), ".", "-")},
		Spec: v1alpha1.AddressSpec{
			Domain: pool.Spec.Domain, Address: ip.String(), Pool: pool.Name, State: "Bound", StateSince: metav1.NewTime(time.Now()),
			Claim: &v1alpha1.ClaimRef{Namespace: c.Namespace, Name: c.Name, UID: string(c.UID), Interface: c.Spec.Interfaces[0].Name},
		},
	}
}

// StatusPatch is the merge patch that binds a claim, valid for the version of it that was read.
func StatusPatch(pool *v1alpha1.NetworkPool, c *v1alpha1.NetworkClaim, ip netip.Addr) ([]byte, error) {
	a := ip.As4()
	name := c.Spec.Interfaces[0].Name
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": c.ResourceVersion},
		"status": v1alpha1.ClaimStatus{
			Phase: "Bound", ObservedGeneration: c.Generation,
			Interfaces: []v1alpha1.Binding{{Name: name, Pool: pool.Name, IPs: []string{ip.String()},
				MAC: fmt.Sprintf("02:90:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3])}},
			Conditions: []metav1.Condition{{Type: "Bound", Status: metav1.ConditionTrue, Reason: "Bound", Message: name + " " + ip.String(),
				ObservedGeneration: c.Generation, LastTransitionTime: metav1.NewTime(time.Now())}},
		},
	})
}

// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

func pointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func (o *NetworkClaim) DeepCopy() *NetworkClaim {
	out := *o
	o.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.UnitRef = pointer(o.Spec.UnitRef)
	out.Spec.Interfaces = slices.Clone(o.Spec.Interfaces)
	for i := range out.Spec.Interfaces {
		f := &out.Spec.Interfaces[i]
		f.Networks, f.RequestedIPs = slices.Clone(f.Networks), slices.Clone(f.RequestedIPs)
		f.Bandwidth, f.Required = pointer(f.Bandwidth), pointer(f.Required)
	}
	out.Status.Interfaces = slices.Clone(o.Status.Interfaces)
	for i := range out.Status.Interfaces {
		out.Status.Interfaces[i].IPs = slices.Clone(out.Status.Interfaces[i].IPs)
	}
	out.Status.Holder, out.Status.Attached = pointer(o.Status.Holder), pointer(o.Status.Attached)
	out.Status.DetachedToken = pointer(o.Status.DetachedToken)
	out.Status.Conditions = slices.Clone(o.Status.Conditions)
	return &out
}

func (o *NetworkAddress) DeepCopy() *NetworkAddress {
	out := *o
	o.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Claim = pointer(o.Spec.Claim)
	return &out
}

func (o *NetworkPool) DeepCopy() *NetworkPool {
	out := *o
	o.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Ranges = slices.Clone(o.Spec.Ranges)
	return &out
}

func (o *NetworkClaim) DeepCopyObject() runtime.Object   { return o.DeepCopy() }
func (o *NetworkAddress) DeepCopyObject() runtime.Object { return o.DeepCopy() }
func (o *NetworkPool) DeepCopyObject() runtime.Object    { return o.DeepCopy() }

func (o *NetworkClaimList) DeepCopyObject() runtime.Object {
	out := *o
	out.Items = slices.Clone(o.Items)
	for i := range out.Items {
		out.Items[i] = *o.Items[i].DeepCopy()
	}
	return &out
}

func (o *NetworkAddressList) DeepCopyObject() runtime.Object {
	out := *o
	out.Items = slices.Clone(o.Items)
	for i := range out.Items {
		out.Items[i] = *o.Items[i].DeepCopy()
	}
	return &out
}

func (o *NetworkPoolList) DeepCopyObject() runtime.Object {
	out := *o
	out.Items = slices.Clone(o.Items)
	for i := range out.Items {
		out.Items[i] = *o.Items[i].DeepCopy()
	}
	return &out
}

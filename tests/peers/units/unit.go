// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"barewire.invalid/peers/v1alpha1"
	"barewire.invalid/peers/work"
)

type reconciler struct{ client.Client }

// get fills o from the cache and makes it when there is none; true when it was there.
func (r *reconciler) get(ctx context.Context, o client.Object, fill func()) (bool, error) {
	err := r.Get(ctx, client.ObjectKeyFromObject(o), o)
	if !apierrors.IsNotFound(err) {
		return err == nil, err
	}
	fill()
	// The cache is behind: the object's own event brings the Unit back.
	if err := r.Create(ctx, o); !apierrors.IsAlreadyExists(err) {
		return false, err
	}
	return false, nil
}

func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var u v1alpha1.Unit
	if err := r.Get(ctx, req.NamespacedName, &u); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	meta := metav1.ObjectMeta{Namespace: u.Namespace, Name: u.Name}
	claim := &v1alpha1.NetworkClaim{ObjectMeta: meta}
	if _, err := r.get(ctx, claim, func() { fillClaim(claim, &u) }); err != nil {
		return ctrl.Result{}, err
	}
	volumes, err := r.volumes(ctx, &u)
	if err != nil {
		return ctrl.Result{}, err
	}
	pod := &corev1.Pod{ObjectMeta: meta}
	if work.Bound(claim) && len(volumes) == len(u.Spec.VolumeClaimTemplates) {
		if _, err := r.get(ctx, pod, func() { fillPod(pod, &u) }); err != nil {
			return ctrl.Result{}, err
		}
		service := &corev1.Service{ObjectMeta: meta}
		if _, err := r.get(ctx, service, func() { fillService(service, &u) }); err != nil {
			return ctrl.Result{}, err
		}
		if err := r.slice(ctx, &u, claim, pod); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{}, r.status(ctx, &u, claim, volumes, pod)
}

func head(m *metav1.ObjectMeta, u *v1alpha1.Unit) {
	m.Labels = map[string]string{unitLabel: u.Name}
	m.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(u, v1alpha1.UnitVersion.WithKind("Unit"))}
}

func fillClaim(c *v1alpha1.NetworkClaim, u *v1alpha1.Unit) {
	head(&c.ObjectMeta, u)
	c.Finalizers = []string{"net.barewire.dev/claim"}
	c.Spec.UnitRef = &v1alpha1.UnitRef{Name: u.Name, UID: string(u.UID)}
	c.Spec.Interfaces = []v1alpha1.Interface{{Name: "eth0", Network: u.Spec.Networking.Network}}
}

func (r *reconciler) volumes(ctx context.Context, u *v1alpha1.Unit) ([]*corev1.PersistentVolumeClaim, error) {
	var out []*corev1.PersistentVolumeClaim
	for i := range u.Spec.VolumeClaimTemplates {
		t := &u.Spec.VolumeClaimTemplates[i]
		v := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: u.Namespace, Name: t.Name + "-" + u.Name}}
		there, err := r.get(ctx, v, func() {
			v.Labels = map[string]string{unitLabel: u.Name}
			t.Spec.DeepCopyInto(&v.Spec)
		})
		if err != nil {
			return nil, err
		}
		if there {
			out = append(out, v)
		}
	}
	return out, nil
}

func fillPod(p *corev1.Pod, u *v1alpha1.Unit) {
	t := u.Spec.Template.DeepCopy()
	head(&p.ObjectMeta, u)
	maps.Copy(p.Labels, t.Labels)
	p.Annotations = map[string]string{"net.barewire.dev/claim": u.Name}
	p.Spec = t.Spec
	for i := range u.Spec.VolumeClaimTemplates {
		name := u.Spec.VolumeClaimTemplates[i].Name
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name + "-" + u.Name}}})
	}
}

func fillService(s *corev1.Service, u *v1alpha1.Unit) {
	head(&s.ObjectMeta, u)
	s.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
	for _, c := range u.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: p.Name, Port: p.ContainerPort, Protocol: corev1.ProtocolTCP})
		}
	}
}

func isReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// slice keeps the endpoints: none before the pod has an address.
func (r *reconciler) slice(ctx context.Context, u *v1alpha1.Unit, c *v1alpha1.NetworkClaim, p *corev1.Pod) error {
	if p.Status.PodIP == "" {
		return nil
	}
	ready, no := isReady(p), p.DeletionTimestamp != nil
	want := []discoveryv1.Endpoint{{Addresses: c.Status.Interfaces[0].IPs, NodeName: &p.Spec.NodeName,
		Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready, Terminating: &no},
		TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID}}}
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: u.Namespace, Name: u.Name + "-ipv4"}}
	there, err := r.get(ctx, s, func() {
		head(&s.ObjectMeta, u)
		s.Labels[discoveryv1.LabelServiceName] = u.Name
		s.Labels[discoveryv1.LabelManagedBy] = "peer-units"
		s.AddressType, s.Endpoints = discoveryv1.AddressTypeIPv4, want
		for _, c := range u.Spec.Template.Spec.Containers {
			for _, p := range c.Ports {
				s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: &p.Name, Port: &p.ContainerPort, Protocol: &p.Protocol})
			}
		}
	})
	if err != nil || !there || equality.Semantic.DeepEqual(s.Endpoints, want) {
		return err
	}
	s = s.DeepCopy()
	s.Endpoints = want
	return r.Update(ctx, s)
}

func (r *reconciler) status(ctx context.Context, u *v1alpha1.Unit, c *v1alpha1.NetworkClaim, volumes []*corev1.PersistentVolumeClaim, p *corev1.Pod) error {
	st := v1alpha1.UnitStatus{ObservedGeneration: u.Generation, Phase: "Pending", NodeName: p.Spec.NodeName}
	condition := metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse, Reason: "Waiting", ObservedGeneration: u.Generation}
	if p.Spec.NodeName != "" { // one without a node is not worth a write of its own
		st.PodUID = string(p.UID)
	}
	for _, ip := range p.Status.PodIPs {
		st.PodIPs = append(st.PodIPs, ip.IP)
	}
	if isReady(p) {
		st.Phase, condition.Status, condition.Reason = "Ready", metav1.ConditionTrue, "Ready"
	} else if p.Status.Phase == corev1.PodRunning {
		st.Phase = "Running"
	}
	if work.Bound(c) {
		b := &c.Status.Interfaces[0]
		st.Claim = &v1alpha1.UnitClaim{Name: c.Name, Phase: "Bound", Addresses: b.IPs, MAC: b.MAC}
	}
	for i, v := range volumes {
		o := v1alpha1.UnitVolume{Name: u.Spec.VolumeClaimTemplates[i].Name, ClaimName: v.Name, Phase: string(v.Status.Phase)}
		if size, ok := v.Status.Capacity[corev1.ResourceStorage]; ok {
			o.Capacity = size.String()
		}
		st.Volumes = append(st.Volumes, o)
	}
	condition.LastTransitionTime = metav1.NewTime(time.Now())
	for _, was := range u.Status.Conditions {
		if was.Type == condition.Type && was.Status == condition.Status {
			condition.LastTransitionTime = was.LastTransitionTime
		}
	}
	st.Conditions = []metav1.Condition{condition}
	if equality.Semantic.DeepEqual(&st, &u.Status) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": u.ResourceVersion}, "status": st})
	if err != nil {
		return err
	}
	err = r.Status().Patch(ctx, u.DeepCopy(), client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsConflict(err) { // a newer one is on its way
		return nil
	}
	return err
}

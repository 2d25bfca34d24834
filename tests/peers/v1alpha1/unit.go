// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// UnitVersion is where Units live.
var UnitVersion = schema.GroupVersion{Group: "db.barewire.dev", Version: "v1alpha1"}

// AddUnitsToScheme makes Units known.
func AddUnitsToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(UnitVersion, &Unit{}, &UnitList{})
	metav1.AddToGroupVersion(s, UnitVersion)
	return nil
}

// Unit has what the Units of a bench use of conf/crds/unit.yaml.
type Unit struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              UnitSpec   `json:"spec"`
	Status            UnitStatus `json:"status,omitempty"`
}

type UnitSpec struct {
	MainContainerName    string                         `json:"mainContainerName,omitempty"`
	Networking           UnitNetworking                 `json:"networking"`
	Template             corev1.PodTemplateSpec         `json:"template"`
	VolumeClaimTemplates []corev1.PersistentVolumeClaim `json:"volumeClaimTemplates,omitempty"`
}

type UnitNetworking struct {
	Mode    string `json:"mode,omitempty"`
	Network string `json:"network,omitempty"`
	Type    string `json:"type,omitempty"`
}

type UnitStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Phase              string             `json:"phase,omitempty"`
	NodeName           string             `json:"nodeName,omitempty"`
	PodIPs             []string           `json:"podIPs,omitempty"`
	PodUID             string             `json:"podUID,omitempty"`
	Claim              *UnitClaim         `json:"claim,omitempty"`
	Volumes            []UnitVolume       `json:"volumes,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type UnitClaim struct {
	Name      string   `json:"name"`
	Phase     string   `json:"phase,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	MAC       string   `json:"mac,omitempty"`
}

type UnitVolume struct {
	Name      string `json:"name"`
	ClaimName string `json:"claimName"`
	Phase     string `json:"phase,omitempty"`
	Capacity  string `json:"capacity,omitempty"`
}

type UnitList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Unit `json:"items"`
}

func (o *Unit) DeepCopy() *Unit {
	out := *o
	o.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	o.Spec.Template.DeepCopyInto(&out.Spec.Template)
	out.Spec.VolumeClaimTemplates = slices.Clone(o.Spec.VolumeClaimTemplates)
	for i := range out.Spec.VolumeClaimTemplates {
		o.Spec.VolumeClaimTemplates[i].DeepCopyInto(&out.Spec.VolumeClaimTemplates[i])
	}
	out.Status.PodIPs, out.Status.Claim = slices.Clone(o.Status.PodIPs), pointer(o.Status.Claim)
	if out.Status.Claim != nil {
		out.Status.Claim.Addresses = slices.Clone(o.Status.Claim.Addresses)
	}
	out.Status.Volumes, out.Status.Conditions = slices.Clone(o.Status.Volumes), slices.Clone(o.Status.Conditions)
	return &out
}

func (o *Unit) DeepCopyObject() runtime.Object { return o.DeepCopy() }

func (o *UnitList) DeepCopyObject() runtime.Object {
	out := *o
	out.Items = slices.Clone(o.Items)
	for i := range out.Items {
		out.Items[i] = *o.Items[i].DeepCopy()
	}
	return &out
}

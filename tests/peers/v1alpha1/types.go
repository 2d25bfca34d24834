// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 has the three kinds of net.barewire.dev that the peers work on, typed and complete: what conf/crds
// declares of claims, addresses and pools.
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is where the kinds live.
var GroupVersion = schema.GroupVersion{Group: "net.barewire.dev", Version: "v1alpha1"}

// AddToScheme makes the kinds known.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &NetworkClaim{}, &NetworkClaimList{}, &NetworkAddress{}, &NetworkAddressList{}, &NetworkPool{}, &NetworkPoolList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

type NetworkClaim struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ClaimSpec   `json:"spec"`
	Status            ClaimStatus `json:"status,omitempty"`
}

type ClaimSpec struct {
	Interfaces []Interface `json:"interfaces"`
	StickyKey  string      `json:"stickyKey,omitempty"`
	UnitRef    *UnitRef    `json:"unitRef,omitempty"`
}

type UnitRef struct {
	Name string `json:"name"`
	UID  string `json:"uid,omitempty"`
}

type Interface struct {
	Name         string     `json:"name"`
	Network      string     `json:"network,omitempty"`
	Networks     []string   `json:"networks,omitempty"`
	RequestedIPs []string   `json:"requestedIPs,omitempty"`
	MAC          string     `json:"mac,omitempty"`
	Bandwidth    *Bandwidth `json:"bandwidth,omitempty"`
	Required     *bool      `json:"required,omitempty"`
}

type Bandwidth struct {
	IngressMbps int32 `json:"ingressMbps,omitempty"`
	EgressMbps  int32 `json:"egressMbps,omitempty"`
}

type ClaimStatus struct {
	Phase              string             `json:"phase,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Interfaces         []Binding          `json:"interfaces,omitempty"`
	Holder             *Holder            `json:"holder,omitempty"`
	Attached           *Attached          `json:"attached,omitempty"`
	DetachedToken      *int64             `json:"detachedToken,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type Binding struct {
	Name    string   `json:"name"`
	Pool    string   `json:"pool"`
	IPs     []string `json:"ips,omitempty"`
	MAC     string   `json:"mac,omitempty"`
	Gateway string   `json:"gateway,omitempty"`
	VLAN    int32    `json:"vlan,omitempty"`
	MTU     int32    `json:"mtu,omitempty"`
}

type Holder struct {
	Node    string `json:"node"`
	NodeUID string `json:"nodeUID"`
	Token   int64  `json:"token"`
}

type Attached struct {
	Node  string      `json:"node"`
	Token int64       `json:"token"`
	MAC   string      `json:"mac,omitempty"`
	Since metav1.Time `json:"since"`
}

type NetworkClaimList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NetworkClaim `json:"items"`
}

type NetworkAddress struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              AddressSpec `json:"spec"`
}

type AddressSpec struct {
	Domain     string      `json:"domain"`
	Address    string      `json:"address"`
	Pool       string      `json:"pool"`
	Claim      *ClaimRef   `json:"claim,omitempty"`
	StickyKey  string      `json:"stickyKey,omitempty"`
	State      string      `json:"state"`
	StateSince metav1.Time `json:"stateSince"`
}

type ClaimRef struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
	Interface string `json:"interface,omitempty"`
}

type NetworkAddressList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NetworkAddress `json:"items"`
}

type NetworkPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              PoolSpec `json:"spec"`
}

type PoolSpec struct {
	Domain string   `json:"domain"`
	Prefix string   `json:"prefix"`
	Ranges []string `json:"ranges"`
}

type NetworkPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NetworkPool `json:"items"`
}

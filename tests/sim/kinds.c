/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that the model server serves: names and the traits that decide about writes. */
#include <string.h>

#include "store.h"

#define NET "net.barewire.dev"

const struct sim_kind sim_kinds[SIM_KIND_MAX_] = {
	[SIM_POD] = { { "", "v1", "pods", "Pod", 1 }, 1, 0, 1, "spec.nodeName" },
	[SIM_NODE] = { { "", "v1", "nodes", "Node", 0 }, 1, 0, 0, NULL },
	[SIM_NAMESPACE] = { { "", "v1", "namespaces", "Namespace", 0 }, 1, 0, 0, NULL },
	[SIM_EVENT] = { { "events.k8s.io", "v1", "events", "Event", 1 }, 0, 0, 0, NULL },
	[SIM_LEASE] = { { "coordination.k8s.io", "v1", "leases", "Lease", 1 }, 0, 0, 0, NULL },
	[SIM_STATEFULSET] = { { "apps", "v1", "statefulsets", "StatefulSet", 1 }, 1, 1, 0, NULL },
	[SIM_DAEMONSET] = { { "apps", "v1", "daemonsets", "DaemonSet", 1 }, 1, 1, 0, NULL },
	[SIM_NETWORKPOLICY] = { { "networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy",
				  1 },
				0,
				1,
				0,
				NULL },
	[SIM_SERVICECIDR] = { { "networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", 0 },
			      1,
			      0,
			      0,
			      NULL },
	[SIM_POOL] = { { NET, "v1alpha1", "networkpools", "NetworkPool", 0 }, 1, 1, 0, NULL },
	[SIM_RESERVATION] = { { NET, "v1alpha1", "networkreservations", "NetworkReservation", 0 },
			      0,
			      1,
			      0,
			      NULL },
	[SIM_CLAIM] = { { NET, "v1alpha1", "networkclaims", "NetworkClaim", 1 },
			1,
			1,
			0,
			"status.holder.node" },
	[SIM_ADDRESS] = { { NET, "v1alpha1", "networkaddresses", "NetworkAddress", 0 },
			  0,
			  1,
			  0,
			  NULL },
	[SIM_NODENETWORK] = { { NET, "v1alpha1", "nodenetworks", "NodeNetwork", 0 },
			      1,
			      1,
			      0,
			      NULL },
	[SIM_UNIT] = { { "db.barewire.dev", "v1alpha1", "units", "Unit", 1 }, 1, 1, 0, NULL },
	[SIM_VOLUME] = { { "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", 1 },
			 1,
			 0,
			 0,
			 NULL },
	[SIM_PV] = { { "", "v1", "persistentvolumes", "PersistentVolume", 0 }, 1, 0, 0, NULL },
	[SIM_CONFIGMAP] = { { "", "v1", "configmaps", "ConfigMap", 1 }, 0, 0, 0, NULL },
	[SIM_SECRET] = { { "", "v1", "secrets", "Secret", 1 }, 0, 0, 0, NULL },
	[SIM_SERVICE] = { { "", "v1", "services", "Service", 1 }, 0, 0, 0, NULL },
	[SIM_SLICE] = { { "discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", 1 },
			0,
			0,
			0,
			NULL },
	[SIM_EPOCH] = { { NET, "v1alpha1", "networkepochs", "NetworkEpoch", 0 }, 0, 1, 0, NULL },
};

const struct sim_kind *sim_kind_find(const struct bw_kube_kind *kind)
{
	for (size_t i = 0; kind && i < SIM_KIND_MAX_; i++)
		if (!strcmp(sim_kinds[i].kind.plural, kind->plural) &&
		    !strcmp(sim_kinds[i].kind.group, kind->group))
			return &sim_kinds[i];
	return NULL;
}

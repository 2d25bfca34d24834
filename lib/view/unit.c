/* SPDX-License-Identifier: Apache-2.0 */
/* Units and pools for people: which conditions are bad, and what one can do about each reason. */
#include <stdio.h>
#include <string.h>

#include <bw/view_unit.h>

/* Those that are good when they are True; all others tell of something that is wrong. */
static const char *const good[] = { "Ready", "ClaimBound", "VolumesReady", "Stopped" };

int bw_view_condition_is_bad(const struct bw_kube_condition *c)
{
	int yes = strcmp(c->status, "True") == 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(good); i++)
		if (strcmp(good[i], c->type) == 0)
			return !yes;
	return yes;
}

/* As docs/units.md and docs/operations.md say it, in a line. */
struct hint {
	const char *reason;
	const char *hint;
};

static const struct hint hints[] = {
	{ "PoolExhausted", "barewire pool shows what holds the addresses: widen its ranges, or "
			   "delete claims that nobody needs" },
	{ "AddressInUse", "barewire who ADDRESS says who has it: delete that one, or declare "
			  "another address" },
	{ "AddressQuarantined", "find who answers at the address, see barewire who ADDRESS" },
	{ "AddressOutOfPool", "correct the address, or the ranges of the pool" },
	{ "PoolNotFound", "barewire pool lists the pools: name one of them, or make it" },
	{ "PoolNotSelected", "name another pool, or change the pool's selectors" },
	{ "QuotaExceeded", "raise the pool's quota, or delete claims of this namespace" },
	{ "ClaimForeign", "a claim of this name is somebody else's: delete it, or name the Unit "
			  "otherwise" },
	{ "ClaimDiffers", "barewire unit stop, kubectl delete the pod, barewire unit start: the "
			  "addresses are exchanged between" },
	{ "ModeMismatch", "leave spec.networking.mode out, or name a pool of that mode" },
	{ "VolumeForeign", "look whose data the volume claim holds before it is labelled" },
	{ "VolumeLost", "restore the volume, or begin with an empty one: barewire unit rebuild" },
	{ "TemplateInvalid", "correct spec.template; what runs goes on meanwhile" },
	{ "PodForbidden", "a quota or an admission refuses the pod: its words are the message" },
	{ "NodeCordoned", "kubectl uncordon the node, or barewire unit migrate" },
	{ "NodeNotReady", "bring the node back, or barewire unit migrate" },
	{ "NodeUnreachable", "bring the node back; if it is powered off, see \"A node is dead\" in "
			     "docs/operations.md" },
	{ "NodeOutOfService", "barewire unit migrate, or take the taint off the node" },
	{ "NodeGone", "barewire unit migrate" },
	{ "AllInUse", "end a pod that has one, or make more virtual functions while the node is "
		      "drained: docs/sriov.md" },
	{ "NoneOnNodes", "make virtual functions on the uplink: docs/sriov.md" },
	{ "NoVirtualFunction", "the message says who has them: end a pod that has one, or make "
			       "more virtual functions: docs/sriov.md" },
	{ "PodForeign", "a pod of this name is somebody else's: delete it, or name the Unit "
			"otherwise" },
	{ "UnitOffline", "barewire unit start, then the action again" },
	{ "Offline", "barewire unit start" },
	{ "NoCommand", "write the container's command into spec.template; or kubectl delete the "
		       "pod: none is made while the Unit is stopped" },
	{ "ProbeNotSupported", "change the probe as the message says; or kubectl delete the pod: "
			       "none is made while the Unit is stopped" },
	{ "FolderTaken", "mount the volume elsewhere than at /barewire; or kubectl delete the pod: "
			 "none is made while the Unit is stopped" },
	{ "LaunchesItself", "kubectl delete the pod: none is made while the Unit is stopped" },
	{ "PodWithoutLauncher", "barewire unit start, restart, then stop: the next pod can be "
				"stopped in place; or kubectl delete the pod" },
	{ "Maintenance", "set spec.maintenance to false" },
	{ "NodeBoundVolume", "the data cannot follow: barewire unit rebuild begins with empty "
			     "volumes elsewhere and keeps these" },
	{ "NodeUnknown", "kubectl get nodes lists the nodes" },
	{ "ContainerFailing", "barewire unit logs --previous says why it ended" },
	{ "NotFollowed", "take out of the spec what this version does not do" },
	{ "ResizeInfeasible", "declare less: barewire unit resize; or barewire unit migrate to a "
			      "larger node" },
	{ "ResizeDeferred", "make room on the node, declare less, or barewire unit migrate" },
	{ "ResizeForbidden", "a quota or an admission refuses it: its words are the message" },
	{ "ResizeFailed", "wait, or barewire unit restart: another pod has it from the beginning" },
	{ "ConfigInvalid", "correct the template that is named, or make the Secret" },
	{ "Scheduling", "the message has the scheduler's reason: free a node, or change what the "
			"pod asks for" },
};

/* Of pools, as docs/operations.md says it. "Maintenance" of a Unit is another one. */
static const struct hint pool_hints[] = {
	{ "Maintenance", "set the pool's spec.phase to Serving" },
	{ "PoolDeleting", "delete the claims that hold its addresses, or make another pool" },
	{ "PoolInvalid", "correct the pool's spec as the message says" },
	{ "DomainMismatch", "make vlan, mtu and uplink those of the domain's older pool, or use "
			    "another domain" },
	{ "Overlapping", "look for a mistake in the pool's ranges" },
	{ "NoFreeAddress", "widen the pool's ranges, add a fallback, or delete claims that nobody "
			   "needs" },
	{ "RestoreSuspected", "wait for the nodes; one that is away for good: delete its Node and "
			      "NodeNetwork" },
	{ "SweepStopped", "were the claims removed on purpose: kubectl annotate the pool "
			  "net.barewire.dev/sweep=allow" },
	{ "InUse", "delete the claims that are named" },
};

static const char *find(const struct hint *all, size_t n, const char *reason)
{
	for (size_t i = 0; reason && i < n; i++)
		if (strcmp(all[i].reason, reason) == 0)
			return all[i].hint;
	return NULL;
}

const char *bw_view_unit_hint(const char *reason)
{
	return find(hints, BW_ARRAY_SIZE(hints), reason);
}

const char *bw_view_pool_hint(const char *reason)
{
	return find(pool_hints, BW_ARRAY_SIZE(pool_hints), reason);
}

const char *bw_view_unit_ips(const struct bw_db_unit *u, char out[BW_VIEW_IPS_MAX])
{
	size_t at = 0;

	for (size_t i = 0; i < u->status.claim.addresses.n; i++) {
		int n = snprintf(out + at, BW_VIEW_IPS_MAX - at, "%s%s", at ? "," : "",
				 u->status.claim.addresses.items[i]);

		if (n < 0 || (size_t)n >= BW_VIEW_IPS_MAX - at)
			break; /* cut: there is -o yaml */
		at += (size_t)n;
	}
	return at ? out : "-";
}

int bw_view_unit_acts(const struct bw_db_unit *u)
{
	return u->status.has_action &&
	       (u->status.action.phase == BW_DB_UNIT_STATUS_ACTION_PHASE_RUNNING ||
		u->status.action.phase == BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLING);
}

const struct bw_kube_condition *bw_view_pool_trouble(const struct bw_net_pool *p)
{
	for (size_t i = 0; i < p->status.conditions.n; i++) {
		const struct bw_kube_condition *c = &p->status.conditions.items[i];
		int wanted = strcmp(c->type, "Allocatable") == 0;

		if (strcmp(c->status, wanted ? "False" : "True") == 0)
			return c;
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Findings of a check: the kinds with their remedies, and a list of texts. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/json.h>

#include "kube_find.h"

#define DELETE_POD "barewire repair deletes the pod, and what owns it makes it again"

static const struct kind {
	const char *name;
	enum cli_cure cure;
	const char *remedy;
} kinds[] = {
	[CLI_ADDRESS_TWICE] = { "AddressTwice", CLI_CURE_NONE,
				"delete the claim that has no lock (barewire who ADDRESS names the "
				"one that has), and its pod first" },
	[CLI_ADDRESS_UNLOCKED] = { "AddressUnlocked", CLI_CURE_NONE,
				   "the controller locks it by itself; where it stays, see that a "
				   "controller leads, and the claim's condition Conflict" },
	[CLI_ADDRESS_ORPHANED] = { "AddressOrphaned", CLI_CURE_NONE,
				   "the controller gives it back by itself after a minute, unless "
				   "the pool says SweepStopped" },
	[CLI_POOL_MISSING] = { "PoolMissing", CLI_CURE_NONE,
			       "apply the pool again: its addresses belong to claims" },
	[CLI_HOLDER_GONE] = { "HolderGone", CLI_CURE_NONE,
			      "make sure that the machine is powered off, then barewire release "
			      "NAMESPACE/CLAIM --token N --confirm-powered-off --reason TEXT" },
	[CLI_ATTACHED_ELSEWHERE] = { "AttachedElsewhere", CLI_CURE_NONE,
				     "a move that is under way ends by itself; else make sure that "
				     "the first node is cut off or powered off" },
	[CLI_SWEEP_STOPPED] = { "SweepStopped", CLI_CURE_SWEEP,
				"if it is right that their claims are gone, barewire repair lets "
				"the sweep go on (net.barewire.dev/sweep=allow on the pool)" },
	[CLI_SWEEP_LEFT_OPEN] = { "SweepLeftOpen", CLI_CURE_SWEEP_END,
				  "barewire repair removes the annotation, so that the next large "
				  "loss of claims is stopped again" },
	[CLI_POD_ADDRESS] = { "PodAddress", CLI_CURE_POD, DELETE_POD },
	[CLI_ATTACHMENTS_MISSING] = { "AttachmentsMissing", CLI_CURE_NONE,
				      "was the node's journal removed? Delete the pods of that node "
				      "one by one" },
	[CLI_NODE_SILENT] = { "NodeSilent", CLI_CURE_NONE,
			      "kubectl get pods -n barewire-system -o wide; until the agent runs "
			      "nothing can be said of that node's journal and kernel" },
	[CLI_RESTORE_SUSPECTED] = { "RestoreSuspected", CLI_CURE_NONE,
				    "the API server was restored from a backup; the nodes publish "
				    "what lives on them and the controller takes it over: wait, and "
				    "bring back nodes that are away" },
	[CLI_JOURNAL_UNREADABLE] = { "JournalUnreadable", CLI_CURE_NONE,
				     "on that node: barewire ipam check, then barewire ipam "
				     "repair" },
	[CLI_INTERFACE_MISSING] = { "InterfaceMissing", CLI_CURE_POD, DELETE_POD },
	[CLI_INTERFACE_MOVED] = { "InterfaceMoved", CLI_CURE_POD, DELETE_POD },
	[CLI_INTERFACE_UNKNOWN] = { "InterfaceUnknown", CLI_CURE_NONE,
				    "on that node: ip link del INTERFACE, when no pod uses it" },
	[CLI_CUT_OFF] = { "CutOff", CLI_CURE_POD, DELETE_POD },
	[CLI_ACK_WAITING] = { "AcknowledgementWaiting", CLI_CURE_NONE,
			      "kubectl logs of that node's agent says why the API server refuses "
			      "it" },
	[CLI_NODE_OTHER] = { "NodeDiffers", CLI_CURE_NONE,
			     "this barewire is older than that node's agent: use a newer one" },
	[CLI_ROW_DEAD] = { "RowDead", CLI_CURE_NONE,
			   "the runtime's GC or the agent removes it; or barewire ipam repair" },
	[CLI_ROW_UNKNOWN] = { "RowUnknown", CLI_CURE_NONE,
			      "was the API server restored, or the claim removed by force? Delete "
			      "the pod" },
	[CLI_ROW_TOKEN] = { "RowToken", CLI_CURE_NONE, "delete the pod, it is made again" },
	[CLI_WARN_NOT_COMPARED] = { "NotCompared", CLI_CURE_NONE,
				    "ask for the right to list them (ClusterRole barewire-planner, "
				    "view)" },
	[CLI_WARN_POLICY] = { "NetworkPolicyNotEnforced", CLI_CURE_NONE,
			      "barewire enforces no NetworkPolicy: nothing is blocked by it" },
	[CLI_WARN_POOL] = { "Pool", CLI_CURE_NONE, "see barewire pool NAME" },
	[CLI_WARN_SEGMENT] = { "SegmentNotReady", CLI_CURE_NONE,
			       "see kubectl get nodenet NODE -o yaml" },
	[CLI_WARN_QUARANTINED] = { "AddressQuarantined", CLI_CURE_NONE,
				   "find who answers there; then annotate the NetworkAddress with "
				   "net.barewire.dev/allow-delete=true and delete it" },
	[CLI_WARN_NO_LEADER] = { "NoController", CLI_CURE_NONE,
				 "kubectl get pods -n barewire-system: nothing is given, moved or "
				 "taken back meanwhile" },
	[CLI_WARN_NO_AGENT] = { "NoAgent", CLI_CURE_NONE,
				"pods there get no address of barewire's; no claim is held there" },
};
static_assert(BW_ARRAY_SIZE(kinds) == CLI_KIND_MAX_, "a kind has no remedy");

const char *cli_kind_str(enum cli_kind kind)
{
	return (unsigned int)kind < CLI_KIND_MAX_ ? kinds[kind].name : "Unknown";
}

const char *cli_kind_remedy(enum cli_kind kind)
{
	return (unsigned int)kind < CLI_KIND_MAX_ ? kinds[kind].remedy : "";
}

enum cli_cure cli_kind_cure(enum cli_kind kind)
{
	return (unsigned int)kind < CLI_KIND_MAX_ ? kinds[kind].cure : CLI_CURE_NONE;
}

enum cli_kind cli_kind_of(const char *reason)
{
	for (int k = CLI_INTERFACE_MISSING; k < CLI_NODE_OTHER; k++)
		if (strcmp(kinds[k].name, reason) == 0)
			return (enum cli_kind)k;
	return CLI_NODE_OTHER;
}

/* A zeroed one at the end. */
static struct cli_finding *grow(struct cli_findings *f)
{
	struct cli_finding *to = &f->spare;

	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 32;
		struct cli_finding *more = reallocarray(f->list, cap, sizeof(*more));

		if (more) {
			f->list = more;
			f->cap = cap;
		}
	}
	if (f->n < f->cap)
		to = &f->list[f->n++];
	else
		f->failed = 1;
	memset(to, 0, sizeof(*to));
	return to;
}

struct cli_finding *cli_find(struct cli_findings *f, enum cli_kind kind, const char *node,
			     const char *fmt, ...)
{
	struct cli_finding *to = grow(f);
	va_list ap;

	to->kind = kind;
	/* What is longer is cut, ignoring. */
	if (node)
		(void)snprintf(to->where, sizeof(to->where), "node %s", node);
	va_start(ap, fmt);
	(void)vsnprintf(to->text, sizeof(to->text), fmt, ap);
	va_end(ap);
	return to;
}

void cli_findings_done(struct cli_findings *f)
{
	free(f->list);
	memset(f, 0, sizeof(*f));
}

static int compare(const void *a, const void *b)
{
	const struct cli_finding *x = a, *y = b;
	int r = (x->kind > y->kind) - (x->kind < y->kind);

	if (!r)
		r = strcmp(x->where, y->where);
	return r ? r : strcmp(x->text, y->text);
}

void cli_findings_sort(struct cli_findings *f)
{
	if (f->n)
		qsort(f->list, f->n, sizeof(*f->list), compare);
}

void cli_findings_keep(struct cli_findings *f, const struct cli_findings *other)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (other->n &&
		    bsearch(&f->list[i], other->list, other->n, sizeof(*other->list), compare))
			f->list[n++] = f->list[i];
	f->n = n;
}

size_t cli_findings_differences(const struct cli_findings *f)
{
	size_t n = 0;

	while (n < f->n && f->list[n].kind < CLI_WARNINGS)
		n++;
	return n;
}

void cli_findings_print(const struct cli_findings *f)
{
	/* Nobody reads what cannot be printed, ignoring. */
	for (size_t i = 0; i < f->n; i++) {
		const struct cli_finding *x = &f->list[i];

		if (i == 0 || x->kind != f->list[i - 1].kind)
			(void)printf("%s%s\n  remedy: %s\n",
				     x->kind < CLI_WARNINGS ? "" : "warning: ",
				     cli_kind_str(x->kind), cli_kind_remedy(x->kind));
		(void)printf("  - %s%s%s\n", x->where, x->where[0] ? ": " : "", x->text);
	}
}

static void put_one(const struct cli_finding *x, struct bw_json_build *b, struct cJSON *list)
{
	struct cJSON *o = bw_json_put_object(b, list, NULL);

	bw_json_put_str(b, o, "reason", cli_kind_str(x->kind));
	if (x->where[0])
		bw_json_put_str(b, o, "node", x->where + strlen("node "));
	if (x->ns[0])
		bw_json_put_str(b, o, "namespace", x->ns);
	if (x->name[0])
		bw_json_put_str(b, o, "name", x->name);
	bw_json_put_str(b, o, "message", x->text);
	bw_json_put_str(b, o, "remedy", cli_kind_remedy(x->kind));
}

void cli_findings_json(const struct cli_findings *f, struct bw_json_build *b, struct cJSON *root)
{
	size_t n = cli_findings_differences(f);
	struct cJSON *list = bw_json_put_array(b, root, "differences");

	for (size_t i = 0; i < f->n; i++) {
		if (i == n)
			list = bw_json_put_array(b, root, "warnings");
		put_one(&f->list[i], b, list);
	}
	if (n == f->n)
		(void)bw_json_put_array(b, root, "warnings"); /* an empty one, ignoring */
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the pod has what its claim holds. Other network plugins read their annotations once, when
 * they attach: one that was changed since, or that nobody read, is said and not waited for.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include <bw/ip.h>

#include "impl.h"
#include "modes.h"

#define SELECTION "SelectionInvalid"
#define MISSING "InterfaceNotAttached"
#define DIFFERS "AddressDiffers"
#define CHANGED "AnnotationChanged"

#define HAVE_MAX 16 /* addresses of one interface that are looked at */

/* What is put into a pod for others and kept of it in the cache. */
static const char *const kept[] = {
	UNIT_ANN_NETWORKS,
	UNIT_ANN_DEFAULT_NETWORK,
	"cni.projectcalico.org/ipAddrs",
	"cni.projectcalico.org/hwAddr",
	"ovn.kubernetes.io/ip_address",
	"ovn.kubernetes.io/mac_address",
};

struct have {
	struct bw_ip v[HAVE_MAX];
	size_t n;
};

static void add(struct have *h, const char *text)
{
	struct bw_prefix p;
	int len;

	if (text && h->n < HAVE_MAX && bw_ip_or_prefix_parse(text, &p, &len) == 0)
		h->v[h->n++] = p.ip;
}

/* The address that another one of its family is in the place of; NULL: all are there. */
static const char *lacking(const struct have *h, const struct unit_attached *a)
{
	for (size_t i = 0; i < a->n; i++) {
		struct bw_ip want;
		int other = 0;
		int found = 0;

		if (bw_ip_parse(a->ips[i].text, &want) < 0)
			continue;
		for (size_t x = 0; x < h->n; x++) {
			if (h->v[x].family != want.family)
				continue;
			if (bw_ip_cmp(&h->v[x], &want) == 0)
				found = 1;
			else
				other = 1;
		}
		if (other && !found)
			return a->ips[i].text;
	}
	return NULL;
}

static void say(struct unit_run *k, const char *type, const char *text)
{
	unit_warn(k, type, 1, type, text);
	unit_wait(k, type, "%s", text);
}

/* THE ADDRESSES */

static void say_differs(struct unit_run *k, const struct unit_attached *a, const char *want,
			const struct have *h)
{
	char text[BW_KUBE_COND_TEXT_MAX];
	char is[BW_IP_STR_MAX];

	(void)snprintf(text, sizeof(text),
		       "%s of the pod has %s where the claim holds %s: its network plugin did not "
		       "take what the pod's first version says (pool of mode %s); see that plugin, "
		       "then delete the pod",
		       a->name, bw_ip_str(&h->v[0], is), want,
		       bw_net_pool_mode_str(a->mode)); /* may be cut, ignoring */
	say(k, DIFFERS, text);
}

/* What Multus says it attached, by the interface's name; NULL: nothing. */
static const struct cJSON *status_of(const struct cJSON *list, const char *interface)
{
	const struct cJSON *e;

	cJSON_ArrayForEach (e, list) {
		const char *is = bw_json_get_str(e, "interface");

		if (is && strcmp(is, interface) == 0)
			return e;
	}
	return NULL;
}

/* Return: the address that differs, with all of the interface in @h; NULL. */
static const char *compare(const struct unit_run *k, const struct unit_attached *a,
			   const struct cJSON *seen, struct have *h)
{
	const struct cJSON *ip;

	h->n = 0;
	if (strcmp(a->name, UNIT_INTERFACE) == 0)
		for (size_t i = 0; i < k->pod.status.pod_ips.n; i++)
			add(h, k->pod.status.pod_ips.items[i].ip);
	else
		cJSON_ArrayForEach (ip, bw_json_get(status_of(seen, a->name), "ips"))
			add(h, cJSON_GetStringValue(ip));
	return lacking(h, a);
}

static void judge_addresses(struct unit_run *k, const struct unit_attachments *all,
			    const struct cJSON *seen)
{
	for (size_t i = 0; i < all->n; i++) {
		struct have h;
		const char *want = compare(k, &all->v[i], seen, &h);

		if (!want)
			continue;
		say_differs(k, &all->v[i], want, &h);
		return;
	}
	bw_kube_conds_clear(&k->conds, DIFFERS);
}

/* THE INTERFACES */

static void judge_interfaces(struct unit_run *k, const struct unit_attachments *all,
			     const struct cJSON *seen)
{
	char text[BW_KUBE_COND_TEXT_MAX];

	for (size_t i = 0; i < all->n; i++) {
		const struct unit_attached *a = &all->v[i];

		if (strcmp(a->name, UNIT_INTERFACE) == 0 || status_of(seen, a->name))
			continue;
		(void)snprintf(
			text, sizeof(text),
			seen ? "Multus attached no %s to the pod: network %s/%s"
			     : "the pod has no %s: interfaces beside eth0 need Multus on its node "
			       "and a NetworkAttachmentDefinition %s/%s; then delete the pod",
			a->name, a->ns, a->network); /* may be cut, ignoring */
		say(k, MISSING, text);
		return;
	}
	bw_kube_conds_clear(&k->conds, MISSING);
}

/* THE ANNOTATIONS */

static int is_kept(const char *key)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(kept); i++)
		if (strcmp(kept[i], key) == 0)
			return 1;
	return 0;
}

/* What the template itself says, as build.c has it before it comes to the networks. */
static struct cJSON *put_expected(const struct unit_run *k, struct bw_json_build *b)
{
	const struct bw_kube_pair *items = k->unit->spec.template.metadata.annotations.items;
	size_t n = k->unit->spec.template.metadata.annotations.n;
	struct cJSON *notes = bw_json_build_object(b);
	const char *said = bw_kube_pair_get(items, n, UNIT_ANN_NETWORKS);

	if (said)
		bw_json_put_str(b, notes, UNIT_ANN_NETWORKS, said);
	unit_put_modes(k, b, notes);
	return notes;
}

/* Kube-OVN writes a MAC in its own case. */
static void judge_annotations(struct unit_run *k)
{
	bw_autobuild struct bw_json_build b = { 0 };
	const struct cJSON *notes = put_expected(k, &b);
	const struct cJSON *want;
	char text[BW_KUBE_COND_TEXT_MAX];

	if (b.failed) {
		(void)bw_plan_alloc(k->plan, SIZE_MAX); /* fails the plan */
		return;
	}
	cJSON_ArrayForEach (want, notes) {
		const char *is = bw_kube_annotation(&k->pod.meta, want->string);

		if (!is_kept(want->string) || (is && strcasecmp(is, want->valuestring) == 0))
			continue;
		(void)snprintf(text, sizeof(text),
			       "annotation %s of the pod is %s, the claim makes it %s: no plugin "
			       "reads it again while the pod lives, and the next sandbox of this "
			       "pod would get other addresses; delete the pod",
			       want->string, is ? is : "missing",
			       want->valuestring); /* may be cut, ignoring */
		unit_warn(k, CHANGED, 1, CHANGED, text);
		return;
	}
	bw_kube_conds_clear(&k->conds, CHANGED);
}

/* THE STEP */

/* A selection that cannot be read would lose the interfaces of the claim. */
static void judge_selection(struct unit_run *k)
{
	const struct bw_kube_pair *items = k->unit->spec.template.metadata.annotations.items;
	size_t n = k->unit->spec.template.metadata.annotations.n;
	bw_autobuild struct bw_json_build b = { 0 };
	char text[BW_KUBE_COND_TEXT_MAX];

	if (unit_read_networks(bw_kube_pair_get(items, n, UNIT_ANN_NETWORKS), &b) == 0) {
		bw_kube_conds_clear(&k->conds, SELECTION);
		return;
	}
	(void)snprintf(text, sizeof(text),
		       "spec.template.metadata.annotations: " UNIT_ANN_NETWORKS
		       " cannot be read: write a list such as repl,db/backup@net2, or JSON such as "
		       "[{\"name\": \"repl\", \"interface\": \"net2\"}]"); /* fits */
	say(k, SELECTION, text);
	k->invalid = 1;
}

void unit_modes(struct unit_run *k)
{
	struct unit_attachments all;
	bw_autojson struct cJSON *seen = NULL;
	const char *status;

	judge_selection(k);
	if (k->invalid || k->claim_state != UNIT_CLAIM_BOUND || k->pod_state < UNIT_POD_RUNNING) {
		/* Of a pod that does not run nothing is known. */
		bw_kube_conds_clear(&k->conds, DIFFERS);
		bw_kube_conds_clear(&k->conds, MISSING);
		bw_kube_conds_clear(&k->conds, CHANGED);
		return;
	}
	status = bw_kube_annotation(&k->pod.meta, UNIT_ANN_NETWORK_STATUS);
	if (status && bw_json_parse(status, strlen(status), &seen, NULL) == -ENOMEM) {
		(void)bw_plan_alloc(k->plan, SIZE_MAX); /* fails the plan */
		return;
	}
	if (unit_find_attachments(k, &all) < 0)
		return;
	judge_addresses(k, &all, seen);
	judge_interfaces(k, &all, seen);
	judge_annotations(k);
}

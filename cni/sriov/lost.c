/* SPDX-License-Identifier: Apache-2.0 */
/* Giving VFs back where the journal knows nothing: their aliases do. */
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/log.h>
#include <bw/netns.h>
#include <bw/nl.h>
#include <bw/pci.h>

#include "alias.h"
#include "find.h"
#include "put_back.h"
#include "restore.h"

#define LOST_MAX SRIOV_SLAVES
#define RETURN_MS 10000 /* the kernel takes a dead namespace apart from a work queue */

/* The devices of one namespace whose alias names an attachment. */
struct lost {
	const char *container_id;
	const char *ifname;
	struct bw_link links[LOST_MAX];
	unsigned int n;
};

static void reset(void *arg)
{
	struct lost *l = arg;

	l->n = 0;
}

static int visit(const struct bw_link *link, void *arg, struct bw_err *err)
{
	struct lost *l = arg;

	(void)err;
	if (l->n < LOST_MAX && link->parent[0] &&
	    sriov_alias_is(link->alias, l->container_id, l->ifname))
		l->links[l->n++] = *link;
	return 0;
}

static int give_back(struct sriov_ctx *ctx, struct sriov_place *place, struct bw_err *err)
{
	bw_autofree struct sriov_found *found = calloc(1, sizeof(*found));
	struct sriov_alias alias;
	int r;

	if (!found)
		return bw_fail(err, ENOMEM, "look at VF %s", place->link.parent);
	if (!sriov_alias_parse(place->link.alias, &alias))
		return 0;
	r = sriov_find_look(ctx, place->link.parent, found, NULL, err);
	return r < 0 ? r : sriov_back_lost(ctx, found, place, &alias, err);
}

int sriov_restore_link(struct sriov_ctx *ctx, const struct bw_link *link, struct bw_err *err)
{
	struct sriov_place place = SRIOV_PLACE_NONE;
	int r = sriov_ctx_host(ctx, err);

	if (r < 0 || !link->parent[0])
		return r;
	place.where = SRIOV_ON_HOST;
	place.link = *link;
	return give_back(ctx, &place, err);
}

static int in_host(struct sriov_ctx *ctx, struct lost *l, struct bw_err *err)
{
	const struct bw_link_visitor v = { .reset = reset, .visit = visit, .arg = l };
	int first = 0;
	int r = sriov_ctx_host(ctx, err);

	if (r == 0)
		r = bw_link_list(ctx->host, 0, &v, err);
	for (unsigned int i = 0; i < l->n && r == 0; i++) {
		int one = sriov_restore_link(ctx, &l->links[i], first ? NULL : err);

		first = first ? first : one;
	}
	return r < 0 ? r : first;
}

/* Every device found in the namespace, each with descriptors of its own. */
static int in_pod(struct sriov_ctx *ctx, struct lost *l, struct bw_err *err)
{
	struct sriov_place place = SRIOV_PLACE_NONE;
	const struct bw_link_visitor v = { .reset = reset, .visit = visit, .arg = l };
	const char *path = ctx->req->netns;
	int r;

	if (!path || !*path)
		return 0;
	r = bw_netns_open(path, &place.ns, err);
	if (r == -ENOENT || r == -EINVAL)
		return 0;
	if (r == 0)
		r = bw_nl_open(BW_NL_ROUTE, &place.ns, &place.pod, err);
	if (r == 0)
		r = bw_link_list(place.pod, 0, &v, err);
	place.where = SRIOV_IN_POD;
	for (unsigned int i = 0; i < l->n && r == 0; i++) {
		place.link = l->links[i];
		r = give_back(ctx, &place, err);
	}
	sriov_place_done(&place);
	return r;
}

/* Waits for a VF that is on no side: the kernel may be handing it back. */
static void await(const char *text, struct sriov_ctx *ctx)
{
	bw_autofree struct sriov_found *found = calloc(1, sizeof(*found));
	char pci[BW_PCI_ADDR_MAX + 1];
	struct bw_err why = { 0 };
	struct bw_link link;

	if (!found || bw_pci_parse(text, pci) < 0)
		return;
	if (sriov_find_look(ctx, pci, found, NULL, &why) < 0 || found->link.ifindex ||
	    !sriov_find_makes_netdev(found->pci.dev.driver))
		return;
	/* In the container that has it now it stays, however long a late DEL waits. */
	if (sriov_back_is_held(ctx, pci, &why))
		return;
	if (bw_link_wait_pci(NULL, pci, RETURN_MS, &link, &why) < 0)
		bw_log_warn("a VF did not come back", "vf", pci, "error", why.msg);
}

/* The VFs the request itself names: what a runtime passes on of the ADD. */
static void await_named(struct sriov_ctx *ctx)
{
	const struct cJSON *prev = bw_json_get(ctx->req->conf, "prevResult");
	const struct cJSON *ifs = bw_json_get(prev, "interfaces");
	const struct cJSON *i;
	unsigned int n = 0;

	if (ctx->conf.device.s[0])
		await(ctx->conf.device.s, ctx);
	for (unsigned int k = 0; k < SRIOV_SLAVES; k++)
		if (ctx->conf.bond.devices[k].s[0])
			await(ctx->conf.bond.devices[k].s, ctx);
	cJSON_ArrayForEach (i, ifs) {
		const char *pci = bw_json_get_str(i, "pciID");

		if (pci && n++ < SRIOV_SLAVES && strcmp(pci, ctx->conf.device.s) != 0)
			await(pci, ctx);
	}
}

int sriov_restore_lost(struct sriov_ctx *ctx, const char *container_id, const char *ifname,
		       struct bw_err *err)
{
	struct lost l = { .container_id = container_id, .ifname = ifname };
	int r = in_pod(ctx, &l, err);

	if (r < 0)
		return r;
	if (!l.n)
		await_named(ctx);
	return in_host(ctx, &l, err);
}

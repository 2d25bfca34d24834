/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STATUS: could an ADD work here? It carries no device, so what is looked at are the PFs that the
 * configuration names. Never about VFs in use or not made yet: a runtime takes the whole node out
 * of service on an error, and the databases on it with it.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bw/attach.h>
#include <bw/cni_delegate.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/link.h>
#include <bw/nl.h>
#include <bw/pci.h>

#include "ctx.h"
#include "verbs.h"

static int check_journal(struct sriov_ctx *ctx, struct bw_err *err)
{
	struct bw_journal *j = NULL;
	int r;

	r = sriov_ctx_journal(ctx, err);
	if (r == 0)
		r = bw_ipam_status(ctx->ipam, err);
	if (r == 0)
		r = sriov_ctx_holds(ctx, &j, err);
	return r == -ENOENT ? 0 : r;
}

/* What is known of the PFs of one key. */
struct look {
	struct sriov_ctx *ctx;
	const char *key;
	unsigned int n; /* named */
	unsigned int usable; /* there, with a device on the host */
	unsigned int up;
	struct bw_err gone; /* the last one that is not usable */
	struct bw_err down;
};

/* A link that goes on when the PF's is down needs no carrier. */
static int is_up(const struct look *look, const struct bw_link *pf)
{
	const struct sriov_conf *conf = &look->ctx->conf;
	unsigned int want = IFF_UP | BW_IFF_LOWER_UP;

	if (conf->has_link_state && conf->link_state == SRIOV_LINK_ENABLE)
		want = IFF_UP;
	return (pf->flags & want) == want;
}

static int look_link(struct look *look, const char *name, const struct bw_pci_pf *pf,
		     struct bw_err *err)
{
	struct bw_link link = { 0 };
	int r;

	if (!pf->dev.n_netdevs)
		return bw_reject(&look->gone, BW_ERR_UNAVAILABLE, ENODEV,
				 "%s: PF %s has no network device on the host", look->key, name);
	r = sriov_ctx_host(look->ctx, err);
	if (r == 0)
		r = bw_link_get(look->ctx->host, 0, pf->dev.netdevs[0], &link, err);
	if (r < 0)
		return r;
	look->usable++;
	if (is_up(look, &link))
		look->up++;
	else
		(void)bw_reject(&look->down, BW_ERR_LIMITED, ENETDOWN, "%s: PF %s (%s) is down: %s",
				look->key, link.name, pf->dev.pci,
				link.flags & IFF_UP ? "it has no carrier" : "it was set down");
	return 0;
}

/* Return: 0, whatever is found; -errno of looking. */
static int look_pf(struct look *look, const char *name, struct bw_err *err)
{
	struct bw_pci_pf pf;
	int r;

	look->n++;
	r = bw_pci_pf_find("", name, &pf, err);
	if (r == 0)
		r = look_link(look, name, &pf, err);
	else if (r == -ENODEV || r == -ENXIO)
		(void)bw_reject(&look->gone, BW_ERR_UNAVAILABLE, -r, "%s: %s", look->key,
				err ? err->msg : name);
	return r == -ENODEV || r == -ENXIO ? 0 : r;
}

/* The PF of a VF that the configuration names. */
static int look_vf(struct look *look, const char *pci, struct bw_err *err)
{
	struct bw_pci_vf vf;
	int r;

	if (!pci[0])
		return 0;
	r = bw_pci_vf_look("", pci, &vf, err);
	if (r == 0)
		return look_pf(look, vf.pf.pci, err);
	look->n++;
	if (r == -ENODEV || r == -ENXIO)
		(void)bw_reject(&look->gone, BW_ERR_UNAVAILABLE, -r, "%s: %s", look->key,
				err ? err->msg : pci);
	return r == -ENODEV || r == -ENXIO ? 0 : r;
}

/* @need of the PFs must be usable; one that is up is enough: that is what a bond is for. */
static int judge(const struct look *look, unsigned int need, struct bw_err *err)
{
	const struct bw_err *why = look->usable < need ? &look->gone : &look->down;

	if (!look->n || (look->usable >= need && look->up))
		return 0;
	if (err)
		*err = *why;
	return -why->errnum;
}

static int check_device(struct sriov_ctx *ctx, struct bw_err *err)
{
	struct look look = { .ctx = ctx, .key = "deviceID" };
	int r = ctx->conf.has_bond ? 0 : look_vf(&look, ctx->conf.device.s, err);

	return r < 0 ? r : judge(&look, 1, err);
}

static int check_pfs(struct sriov_ctx *ctx, struct bw_err *err)
{
	const struct sriov_pf_name *names = ctx->conf.pfs.items;
	struct look look = { .ctx = ctx, .key = "pf" };
	int r = 0;

	for (size_t i = 0; i < ctx->conf.pfs.n && r == 0; i++)
		r = look_pf(&look, names[i].s, err);
	return r < 0 ? r : judge(&look, 1, err);
}

static int check_bond(struct sriov_ctx *ctx, struct bw_err *err)
{
	const struct sriov_bond *bond = &ctx->conf.bond;
	struct look look = { .ctx = ctx, .key = "bond" };
	int r = 0;

	for (size_t i = 0; i < SRIOV_SLAVES && r == 0 && ctx->conf.has_bond; i++) {
		if (bond->has_devices)
			r = look_vf(&look, bond->devices[i].s, err);
		else if (bond->has_pfs)
			r = look_pf(&look, bond->pfs[i].s, err);
	}
	return r < 0 ? r : judge(&look, SRIOV_SLAVES, err);
}

static int look_list(struct look *look, const struct bw_json_list *list, struct bw_err *err)
{
	const struct sriov_pf_range *items = list->items;
	int r = 0;

	for (size_t i = 0; i < list->n && r == 0; i++)
		r = look_pf(look, items[i].pf.s, err);
	return r;
}

/* Selectors by vendor, device or driver alone name no PF: nothing can be said of them. */
static int check_selectors(struct sriov_ctx *ctx, struct bw_err *err)
{
	const struct sriov_selector *selectors = ctx->conf.selectors.items;
	struct look look = { .ctx = ctx, .key = "resource" };
	int r = 0;

	for (size_t i = 0; i < ctx->conf.selectors.n && r == 0; i++) {
		const struct sriov_selector *s = &selectors[i];
		const struct sriov_pci *pci = s->pci_addresses.items;

		if (!s->pf_names.n && !s->root_devices.n && !s->pci_addresses.n)
			return 0;
		r = look_list(&look, &s->pf_names, err);
		if (r == 0)
			r = look_list(&look, &s->root_devices, err);
		for (size_t k = 0; k < s->pci_addresses.n && r == 0; k++)
			r = look_vf(&look, pci[k].s, err);
	}
	return r < 0 ? r : judge(&look, 1, err);
}

static int ask_delegate(struct sriov_ctx *ctx, struct bw_err *err)
{
	if (!sriov_conf_is_foreign(&ctx->conf))
		return 0;
	return bw_cni_delegate(ctx->req, ctx->conf.ipam_type, BW_CNI_STATUS, NULL, err);
}

typedef int (*part_fn)(struct sriov_ctx *ctx, struct bw_err *err);

static const part_fn parts[] = { check_journal, check_device,    check_pfs,
				 check_bond,    check_selectors, ask_delegate };

int sriov_status(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	sriov_autoctx struct sriov_ctx *ctx = NULL;
	struct bw_err why = { 0 };
	int r;

	(void)result;
	r = sriov_ctx_new(req, 0, &ctx, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < BW_ARRAY_SIZE(parts) && r == 0; i++)
		r = parts[i](ctx, &why);
	return bw_attach_judge_status(r, &why, err);
}

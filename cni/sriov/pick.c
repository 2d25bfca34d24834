/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of a VF out of a stock, and why there is none. Pure. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "stock.h"

#define PCI_IDS "%04x:%04x"
#define LISTED_MAX 4 /* groups, PFs or holders that a text names */

static int pf_is(const struct bw_pci_dev *pf, const char *name)
{
	if (strcmp(pf->pci, name) == 0)
		return 1;
	for (unsigned int i = 0; i < pf->n_netdevs; i++)
		if (strcmp(pf->netdevs[i], name) == 0)
			return 1;
	return 0;
}

/* Where a PF stands in the configuration; -1 = not wanted. */
static int pf_order(const struct sriov_stock *stock, unsigned int pf, const struct sriov_want *want)
{
	const struct bw_pci_dev *dev = &stock->pfs[pf].pf.dev;

	if (want->not_pf && strcmp(dev->pci, want->not_pf) == 0)
		return -1;
	for (size_t i = 0; i < want->n_pfs; i++)
		if (pf_is(dev, want->pfs[i].s))
			return (int)i;
	return want->n_pfs ? -1 : (int)pf;
}

static int in_ranges(const struct sriov_pf_range *p, uint32_t index)
{
	for (unsigned int i = 0; i < p->n_ranges; i++)
		if (index >= p->ranges[i].first && index <= p->ranges[i].last)
			return 1;
	return !p->n_ranges;
}

static int match_pf_ranges(const struct bw_json_list *list, const struct bw_pci_dev *pf,
			   uint32_t index)
{
	const struct sriov_pf_range *p = list->items;

	for (size_t i = 0; i < list->n; i++)
		if (pf_is(pf, p[i].pf.s) && in_ranges(&p[i], index))
			return 1;
	return !list->n;
}

static int match_id(const struct bw_json_list *list, uint16_t id)
{
	const uint16_t *ids = list->items;

	for (size_t i = 0; i < list->n; i++)
		if (ids[i] == id)
			return 1;
	return !list->n;
}

static int match_pci(const struct bw_json_list *list, const char *pci)
{
	const struct sriov_pci *pcis = list->items;

	for (size_t i = 0; i < list->n; i++)
		if (strcmp(pcis[i].s, pci) == 0)
			return 1;
	return !list->n;
}

static int match_driver(const struct bw_json_list *list, const char *driver)
{
	const char *const *drivers = list->items;

	for (size_t i = 0; i < list->n; i++)
		if (strcmp(drivers[i], driver) == 0)
			return 1;
	return !list->n;
}

/* Why a VF does or does not do. */
enum fit {
	FIT,
	FIT_NOT_MATCHED, /* by no selector */
	FIT_NO_DRIVER,
	FIT_USER_SPACE, /* its driver gives it to user space, and nobody asked for that */
	FIT_ELSEWHERE, /* its interface is in another namespace, by somebody else's doing */
	FIT_MAX_,
};

static enum fit match(const struct sriov_stock_vf *vf, const struct bw_pci_dev *pf,
		      const struct sriov_selector *s)
{
	if (!match_pf_ranges(&s->pf_names, pf, vf->index) ||
	    !match_pf_ranges(&s->root_devices, pf, vf->index) ||
	    !match_pci(&s->pci_addresses, vf->dev.pci) || !match_id(&s->vendors, vf->dev.vendor) ||
	    !match_id(&s->devices, vf->dev.device))
		return FIT_NOT_MATCHED;
	if (!vf->dev.driver[0])
		return FIT_NO_DRIVER;
	if (!match_driver(&s->drivers, vf->dev.driver))
		return FIT_NOT_MATCHED;
	return sriov_dpdk_is(vf->dev.driver) && !s->drivers.n ? FIT_USER_SPACE : FIT;
}

static enum fit fits(const struct sriov_stock *stock, const struct sriov_stock_vf *vf,
		     const struct sriov_want *want)
{
	static const struct sriov_selector any;
	const struct bw_pci_dev *pf = &stock->pfs[vf->pf].pf.dev;
	enum fit best = want->n_selectors ? FIT_NOT_MATCHED : match(vf, pf, &any);

	for (size_t i = 0; i < want->n_selectors && best != FIT; i++) {
		enum fit f = match(vf, pf, &want->selectors[i]);

		best = f == FIT_NOT_MATCHED ? best : f;
	}
	if (best == FIT && want->needs_netdev && sriov_dpdk_is(vf->dev.driver))
		return FIT_USER_SPACE;
	if (best == FIT && vf->use == SRIOV_FREE && !vf->dev.n_netdevs &&
	    !sriov_dpdk_is(vf->dev.driver))
		return FIT_ELSEWHERE;
	return best;
}

/* Whether @a comes before @b. */
static int is_better(const struct sriov_stock *stock, const struct sriov_want *want,
		     const struct sriov_stock_vf *a, const struct sriov_stock_vf *b)
{
	const int64_t keys[][2] = {
		{ want->numa >= 0 && a->dev.numa_node != want->numa,
		  want->numa >= 0 && b->dev.numa_node != want->numa },
		{ stock->pfs[a->pf].holds, stock->pfs[b->pf].holds },
		{ pf_order(stock, a->pf, want), pf_order(stock, b->pf, want) },
		{ a->index, b->index },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(keys); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1];
	return 0;
}

/* Keeps the best SRIOV_CANDIDATES_MAX in order. */
struct ranking {
	const struct sriov_stock_vf *vfs[SRIOV_CANDIDATES_MAX];
	unsigned int n;
};

static void rank(struct ranking *r, const struct sriov_stock *stock, const struct sriov_want *want,
		 const struct sriov_stock_vf *vf)
{
	unsigned int at = r->n;

	while (at > 0 && is_better(stock, want, vf, r->vfs[at - 1]))
		at--;
	if (at == SRIOV_CANDIDATES_MAX)
		return;
	r->n += r->n < SRIOV_CANDIDATES_MAX;
	memmove(&r->vfs[at + 1], &r->vfs[at], (r->n - at - 1) * sizeof(r->vfs[0]));
	r->vfs[at] = vf;
}

static void pick_use(const struct sriov_stock *stock, const struct sriov_want *want,
		     enum sriov_use use, struct ranking *r)
{
	for (unsigned int i = 0; i < stock->n_vfs; i++) {
		const struct sriov_stock_vf *vf = &stock->vfs[i];

		if (vf->use == use && pf_order(stock, vf->pf, want) >= 0 &&
		    fits(stock, vf, want) == FIT)
			rank(r, stock, want, vf);
	}
}

unsigned int sriov_pick(const struct sriov_stock *stock, const struct sriov_want *want,
			struct sriov_candidates *ret)
{
	struct ranking r = { .n = 0 };

	pick_use(stock, want, SRIOV_FREE, &r);
	if (!r.n)
		pick_use(stock, want, SRIOV_STALE, &r);
	for (unsigned int i = 0; i < r.n; i++)
		memcpy(ret->pci[i], r.vfs[i]->dev.pci, sizeof(r.vfs[i]->dev.pci));
	ret->n = r.n;
	return r.n;
}

/* A list that grows within its bounds; what does not fit is cut. */
struct text {
	char s[320];
	size_t n;
};

static void say(struct text *t, const char *fmt, ...) BW_PRINTF(2, 3);

static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->s + t->n, sizeof(t->s) - t->n, fmt, ap);
	va_end(ap);
	t->n += n > 0 ? (size_t)n : 0;
	if (t->n >= sizeof(t->s))
		t->n = sizeof(t->s) - 1;
}

static void say_pf(struct text *t, const struct bw_pci_dev *pf)
{
	if (pf->n_netdevs)
		say(t, "%s (%s)", pf->netdevs[0], pf->pci);
	else
		say(t, "%s", pf->pci);
}

/* "eth1 (0000:01:00.0) with 7 VFs, ..." */
static void say_pfs(struct text *t, const struct sriov_stock *stock)
{
	for (unsigned int i = 0; i < stock->n_pfs && i < LISTED_MAX; i++) {
		say(t, "%s", i ? ", " : "");
		say_pf(t, &stock->pfs[i].pf.dev);
		say(t, " with %u VFs", stock->pfs[i].pf.numvfs);
	}
	if (stock->n_pfs > LISTED_MAX)
		say(t, " and %u more", stock->n_pfs - LISTED_MAX);
	if (!stock->n_pfs)
		say(t, "none");
}

static int is_alike(const struct sriov_stock_vf *a, const struct sriov_stock_vf *b)
{
	return a->pf == b->pf && a->dev.vendor == b->dev.vendor && a->dev.device == b->dev.device &&
	       strcmp(a->dev.driver, b->dev.driver) == 0;
}

/* "7 of 8086:10ca igbvf on eth1 (0000:01:00.0), ..." */
static void say_vfs(struct text *t, const struct sriov_stock *stock, const struct sriov_want *want)
{
	unsigned int groups = 0;

	for (unsigned int i = 0; i < stock->n_vfs; i++) {
		const struct sriov_stock_vf *vf = &stock->vfs[i];
		unsigned int n = 0, seen = 0;

		for (unsigned int j = 0; j < stock->n_vfs; j++) {
			n += is_alike(vf, &stock->vfs[j]);
			seen |= j < i && is_alike(vf, &stock->vfs[j]);
		}
		if (seen || pf_order(stock, vf->pf, want) < 0 || groups++ >= LISTED_MAX)
			continue;
		say(t, "%s%u of " PCI_IDS " %s on ", t->n ? ", " : "", n, vf->dev.vendor,
		    vf->dev.device, vf->dev.driver[0] ? vf->dev.driver : "without a driver");
		say_pf(t, &stock->pfs[vf->pf].pf.dev);
	}
	if (!groups)
		say(t, "none");
}

/* "0000:01:10.0 by c1/net1, ..." */
static void say_holders(struct text *t, const struct sriov_stock *stock,
			const struct sriov_want *want)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < stock->n_vfs; i++) {
		const struct sriov_stock_vf *vf = &stock->vfs[i];

		if (vf->use != SRIOV_HELD || pf_order(stock, vf->pf, want) < 0 ||
		    fits(stock, vf, want) != FIT)
			continue;
		if (n++ < LISTED_MAX)
			say(t, "%s%s by %s", n > 1 ? ", " : "held: ", vf->dev.pci, vf->holder);
	}
	if (n > LISTED_MAX)
		say(t, " and %u more", n - LISTED_MAX);
}

/* What a look at the wanted PFs comes to. */
struct tally {
	unsigned int pfs;
	unsigned int vfs;
	unsigned int held;
	unsigned int by[FIT_MAX_];
};

static void tally_up(const struct sriov_stock *stock, const struct sriov_want *want,
		     struct tally *ret)
{
	for (unsigned int i = 0; i < stock->n_pfs; i++)
		ret->pfs += pf_order(stock, i, want) >= 0;
	for (unsigned int i = 0; i < stock->n_vfs; i++) {
		const struct sriov_stock_vf *vf = &stock->vfs[i];
		enum fit f;

		if (pf_order(stock, vf->pf, want) < 0)
			continue;
		f = fits(stock, vf, want);
		ret->vfs++;
		ret->by[f]++;
		ret->held += f == FIT && vf->use == SRIOV_HELD;
	}
}

static int explain_pfs(const struct sriov_stock *stock, const struct sriov_want *want,
		       struct bw_err *err)
{
	struct text named = { .n = 0 };
	struct text there = { .n = 0 };

	for (size_t i = 0; i < want->n_pfs && i < LISTED_MAX; i++)
		say(&named, "%s%s", i ? ", " : "", want->pfs[i].s);
	say_pfs(&there, stock);
	if (!want->n_pfs)
		return bw_reject(err, BW_ERR_INVALID, ENODEV, "%s: no%s PF on this node, found %s",
				 want->key, want->not_pf ? " second" : "", there.s);
	return bw_reject(err, BW_ERR_INVALID, ENODEV,
			 "%s: expected a%s PF that is on this node, got \"%s\"; there %s %s",
			 want->key, want->not_pf ? " second" : "", named.s,
			 stock->n_pfs > 1 ? "are" : "is", there.s);
}

int sriov_pick_explain(const struct sriov_stock *stock, const struct sriov_want *want,
		       struct bw_err *err)
{
	const char *key = want->n_selectors ? "resource" : want->key;
	struct tally t = { .pfs = 0 };
	struct text there = { .n = 0 };
	int r;

	tally_up(stock, want, &t);
	if (!t.pfs)
		return explain_pfs(stock, want, err);
	if (t.held || t.by[FIT_ELSEWHERE]) {
		r = bw_reject(err, BW_ERR_BUSY, EBUSY,
			      "%s: of %u VFs that fit %u are held and %u are in use by others, "
			      "none is free",
			      key, t.held + t.by[FIT_ELSEWHERE], t.held, t.by[FIT_ELSEWHERE]);
		say_holders(&there, stock, want);
		if (there.n)
			bw_err_details(err, "%s", there.s);
		return r;
	}
	if (!t.vfs) {
		say_pfs(&there, stock);
		return bw_reject(err, BW_ERR_INVALID, ENODEV,
				 "%s: no VFs have been made, expected some by sriov_numvfs; there "
				 "is %s",
				 want->key, there.s);
	}
	say_vfs(&there, stock, want);
	if (t.by[FIT_NO_DRIVER] || t.by[FIT_USER_SPACE])
		return bw_reject(err, BW_ERR_INVALID, ENODEV,
				 "%s: %u VFs have no driver and %u one for user space that no "
				 "resource.drivers names, expected a VF with an interface; there "
				 "are %s",
				 key, t.by[FIT_NO_DRIVER], t.by[FIT_USER_SPACE], there.s);
	return bw_reject(err, BW_ERR_INVALID, ENODEV, "%s: no VF matches; there are %s", key,
			 there.s);
}

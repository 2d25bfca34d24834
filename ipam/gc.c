/* SPDX-License-Identifier: Apache-2.0 */
/* GC and CHECK: the journal against what the runtime says. */
#include <stdio.h>
#include <string.h>

#include <bw/cni_result.h>
#include <bw/cni_valid.h>
#include <bw/err.h>
#include <bw/log.h>

#include "ipam_priv.h"

#define EXPIRE_MAX 100000 /* cooled addresses a GC sweeps up */

struct gc {
	struct bw_ipam *ipam;
	const struct bw_cni_valid *valid;
	bw_ipam_finish_fn finish;
	void *arg;
	unsigned int removed;
	unsigned int failed;
	int first; /* -errno of the first failure */
	struct bw_err err; /* its text */
};

/* Deleting first: an ADD that is still at work sees it and undoes itself (I3). */
static int collect_one(struct gc *gc, const struct bw_attachment *a, struct bw_err *err)
{
	struct bw_journal *j = gc->ipam->data;
	int r = bw_journal_attach_state(j, a->container_id, a->ifname, a->id, BW_ATTACH_MAX_,
					BW_ATTACH_DELETING, err);

	if (r <= 0)
		return r;
	r = gc->finish ? gc->finish(a, gc->arg, err) : 0;
	if (r >= 0)
		r = ipam_remove(j, a->id, ipam_cool_until(gc->ipam), a->claim_uid, a->token, err);
	return r;
}

/* A network of claims has attachments of several programs: each collects its own. */
static int is_anothers(const struct gc *gc, const struct bw_attachment *a)
{
	const char *type = gc->ipam->conf->req->type;

	return a->claim_uid[0] && strcmp(a->program, IPAM_TYPE) != 0 && type &&
	       strcmp(a->program, type) != 0;
}

static int gc_row(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	struct gc *gc = arg;
	struct bw_err why = { 0 };
	int r;

	(void)err;
	if (bw_cni_valid_has(gc->valid, a->container_id, a->ifname) || is_anothers(gc, a))
		return 0;
	r = collect_one(gc, a, &why);
	if (r > 0)
		gc->removed++;
	if (r >= 0)
		return 0;
	bw_log_warn("cannot collect an attachment", "container", a->container_id, "ifname",
		    a->ifname, "err", why.msg);
	if (!gc->failed++) {
		gc->first = r;
		gc->err = why;
	}
	return 0;
}

int bw_ipam_gc(struct bw_ipam *ipam, const struct bw_cni_valid *valid, bw_ipam_finish_fn finish,
	       void *arg, unsigned int *ret_removed, struct bw_err *err)
{
	struct gc gc = { .ipam = ipam, .valid = valid, .finish = finish, .arg = arg };
	const char *name = ipam->conf->req->name;
	int r = 0;

	if (ret_removed)
		*ret_removed = 0;
	if (!ipam->data || !name)
		return 0;
	r = bw_journal_attach_each(ipam->data, name, gc_row, &gc, err);
	if (r == 0)
		r = bw_journal_addr_expire(ipam->data, ipam->conf->domain, bw_clock_real_s(),
					   EXPIRE_MAX, err);
	if (ret_removed)
		*ret_removed = gc.removed;
	if (r < 0 || !gc.failed)
		return r < 0 ? r : 0;
	if (err)
		*err = gc.err;
	bw_err_details(err, "%u attachments could not be collected", gc.failed);
	return gc.first;
}

struct check {
	const struct bw_cni_result *prev;
	const struct bw_attachment *row;
	const char *domain;
	unsigned int held;
};

static int in_result(const struct bw_cni_result *prev, const struct bw_ip *ip)
{
	for (size_t i = 0; i < prev->n_ips; i++)
		if (bw_ip_eq(&prev->ips[i].address.ip, ip))
			return 1;
	return 0;
}

static int check_held(const struct bw_journal_addr *a, void *arg, struct bw_err *err)
{
	struct check *c = arg;
	char s[BW_IP_STR_MAX];

	c->held++;
	if (in_result(c->prev, &a->ip))
		return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "container %.80s %s holds %s, which prevResult does not have",
			 c->row->container_id, c->row->ifname, bw_ip_str(&a->ip, s));
}

/* An address of the result that a range set of ours has must be held by this attachment. */
static int check_result_ip(struct bw_ipam *ipam, const struct bw_attachment *row,
			   const struct bw_ip *ip, struct bw_err *err)
{
	bw_autofree struct bw_attachment *holder = NULL;
	struct bw_journal_addr a;
	char name[IPAM_HOLDER_MAX];
	char s[BW_IP_STR_MAX];
	int ours = 0;
	int r;

	for (size_t i = 0; i < ipam->conf->n_sets; i++)
		ours |= bw_range_set_find(&ipam->conf->sets[i], ip) != NULL;
	if (!ours)
		return 0;
	r = bw_journal_addr_get(ipam->data, ipam->conf->domain, ip, &a, err);
	if (r < 0 || (r == 1 && a.attachment == row->id))
		return r < 0 ? r : 0;
	if (r == 0 || !a.attachment)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "prevResult has %s, which nobody holds in domain %s",
				 bw_ip_str(ip, s), ipam->conf->domain);
	holder = malloc(sizeof(*holder));
	if (!holder)
		return bw_fail(err, ENOMEM, "check addresses");
	r = bw_journal_attach_get_id(ipam->data, a.attachment, holder, err);
	if (r < 0)
		return r;
	return bw_reject(err, BW_ERR_INVALID, EINVAL, "prevResult has %s, which is held by %s",
			 bw_ip_str(ip, s), r ? ipam_holder_str(holder, name) : "nobody known");
}

int bw_ipam_check(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		  const struct bw_cni_result *prev, struct bw_err *err)
{
	bw_autofree struct bw_attachment *row = malloc(sizeof(*row));
	struct check c = { .prev = prev, .row = row, .domain = ipam->conf->domain };
	int r = 0;

	if (!row)
		return bw_fail(err, ENOMEM, "check addresses");
	if (ipam->data)
		r = bw_journal_attach_get(ipam->data, container_id, ifname, row, err);
	if (r < 0)
		return r;
	if (r == 0)
		return bw_reject(err, BW_ERR_INVALID, ENOENT,
				 "the journal in %s knows no container %.80s %s", ipam->conf->dir,
				 container_id, ifname);
	if (row->state != BW_ATTACH_LIVE)
		return bw_reject(err, BW_ERR_INVALID, ENOENT,
				 "container %.80s %s is %s in the journal, not Live", container_id,
				 ifname, bw_attach_state_str(row->state));
	if (!ipam->conf->has_sets)
		return 0;
	r = bw_journal_addr_of(ipam->data, row->id, check_held, &c, err);
	if (r == 0 && c.held != ipam->conf->n_sets && c.held == 0)
		r = bw_reject(err, BW_ERR_INVALID, EINVAL, "container %.80s %s holds no address",
			      container_id, ifname);
	for (size_t i = 0; i < prev->n_ips && r == 0; i++)
		r = check_result_ip(ipam, row, &prev->ips[i].address.ip, err);
	return r;
}

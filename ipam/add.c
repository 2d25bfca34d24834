/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD: an attachment and its addresses in one transaction. Where a row of a dead container stands
 * in the way, the transaction is given up, the dead one's kernel side is finished outside of any,
 * and the next attempt takes its place.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <bw/cni_result.h>
#include <bw/err.h>
#include <bw/log.h>

#include "ipam_priv.h"

#define ATTEMPTS_MAX 64 /* each finishes at least one dead container */
#define STALE_MAX 64 /* dead containers one ADD finishes */
#define EXPIRE_MAX 64 /* cooled addresses one ADD sweeps up */
#define RECLAIM_LOOK_MAX 4096 /* rows looked at when a set is exhausted */

#define AGAIN 1 /* an attempt's result: a stale holder was noted, try again */

struct dead {
	int64_t id;
	char uid[64]; /* of its claim; "" = none */
	uint64_t token;
};

struct add {
	struct bw_ipam *ipam;
	struct bw_attachment *who; /* the new row */
	const char *key; /* who the addresses are given to */
	bw_ipam_finish_fn finish;
	void *arg;
	struct bw_attachment *holder; /* scratch: rows are large */
	int64_t id; /* of the new row */
	struct dead *stale; /* finished, to be removed in the transaction; owned */
	size_t n_stale;
	int64_t blocked_by; /* row id the attempt stopped at; 0 = none */
	uint8_t took[BW_RANGE_SETS_MAX]; /* the wish of a set was a stale row's */
	struct bw_ip ips[BW_RANGE_SETS_MAX];
	int reclaimed; /* an exhausted set was searched for dead containers */
};

static int is_finished(const struct add *add, int64_t id)
{
	for (size_t i = 0; i < add->n_stale; i++)
		if (add->stale[i].id == id)
			return 1;
	return 0;
}

static void fill_row(const struct add *add, size_t set, const struct bw_ip *ip,
		     struct bw_journal_addr *row)
{
	const struct bw_range *range = bw_range_set_find(&add->ipam->conf->sets[set], ip);

	memset(row, 0, sizeof(*row));
	/* Both are no longer than where they go, ignoring. */
	(void)snprintf(row->domain, sizeof(row->domain), "%s", add->ipam->conf->domain);
	(void)snprintf(row->key, sizeof(row->key), "%s", add->key);
	row->ip = *ip;
	row->prefix_len = range->subnet.len;
	row->attachment = add->id;
}

/*
 * A pod's name outlives its containers: only that tells somebody else from the same one again. A
 * cooling address of a container without a name is whoever declares it.
 */
static int cools_for_other(const struct add *add, const struct bw_journal_addr *row)
{
	return strchr(row->key, '/') && strcmp(row->key, add->key) != 0;
}

static int is_reserved(const struct ipam_wish *wish)
{
	return strncmp(wish->from, "ipam.reservations", strlen("ipam.reservations")) == 0;
}

static int give_wish(struct add *add, size_t set, struct bw_err *err)
{
	const struct ipam_wish *wish = &add->ipam->conf->wishes[set];
	struct bw_journal *j = add->ipam->data;
	struct bw_journal_addr row;
	struct bw_journal_addr mine;
	int r = bw_journal_addr_get(j, add->ipam->conf->domain, &wish->ip, &row, err);

	if (r < 0)
		return r;
	fill_row(add, set, &wish->ip, &mine);
	add->ips[set] = wish->ip;
	if (r == 0)
		return bw_journal_addr_insert(j, &mine, err);
	if (row.attachment) {
		add->blocked_by = row.attachment;
		return AGAIN;
	}
	if (!add->took[set] && !is_reserved(wish) && cools_for_other(add, &row) &&
	    row.cooling_until_s > bw_clock_real_s()) {
		char s[BW_IP_STR_MAX];

		return bw_reject(err, BW_ERR_BUSY, EBUSY,
				 "%s: %s is cooling for pod %.120s for another %lld s", wish->from,
				 bw_ip_str(&wish->ip, s), row.key,
				 (long long)(row.cooling_until_s - bw_clock_real_s()));
	}
	return bw_journal_addr_warm(j, &mine, err);
}

static int used_run(void *arg, const struct bw_ip *ip, struct bw_ip *ret_first,
		    struct bw_ip *ret_last, struct bw_err *err)
{
	const struct add *add = arg;

	return bw_journal_used_run(add->ipam->data, add->ipam->conf->domain, ip, ret_first,
				   ret_last, err);
}

static int give_free(struct add *add, size_t set, struct bw_err *err)
{
	const struct bw_ipam_conf *conf = add->ipam->conf;
	struct bw_alloc a = {
		.set = &conf->sets[set], .strategy = conf->in.strategy, .run = used_run, .arg = add
	};
	struct bw_journal_addr row;
	int r = 0;

	if (a.strategy == BW_ALLOC_NEXT)
		r = bw_journal_cursor_get(add->ipam->data, conf->domain, &a.set->ranges[0].first,
					  &a.cursor, err);
	else if (a.strategy == BW_ALLOC_RANDOM &&
		 getrandom(a.seed, sizeof(a.seed), 0) != (ssize_t)sizeof(a.seed))
		r = bw_fail(err, errno, "get random bytes");
	if (r >= 0)
		r = bw_alloc_pick(&a, &add->ips[set], err);
	if (r < 0)
		return r;
	fill_row(add, set, &add->ips[set], &row);
	return bw_journal_addr_insert(add->ipam->data, &row, err);
}

static int give(struct add *add, size_t set, struct bw_err *err)
{
	const struct bw_ipam_conf *conf = add->ipam->conf;
	int r = conf->wishes[set].ip.family ? give_wish(add, set, err) : give_free(add, set, err);

	if (r == 0 && conf->in.strategy == BW_ALLOC_NEXT)
		r = bw_journal_cursor_set(add->ipam->data, conf->domain,
					  &conf->sets[set].ranges[0].first, &add->ips[set], err);
	return r;
}

/* Notes which wishes the dead ones hold, then lets go of all of theirs. */
static int bury(struct add *add, struct bw_err *err)
{
	const struct bw_ipam_conf *conf = add->ipam->conf;
	int64_t cool = ipam_cool_until(add->ipam);

	for (size_t i = 0; add->n_stale && i < conf->n_sets; i++) {
		struct bw_journal_addr row;
		int r = 0;

		if (conf->wishes[i].ip.family)
			r = bw_journal_addr_get(add->ipam->data, conf->domain, &conf->wishes[i].ip,
						&row, err);
		if (r < 0)
			return r;
		if (r > 0 && is_finished(add, row.attachment))
			add->took[i] = 1;
	}
	for (size_t i = 0; i < add->n_stale; i++) {
		const struct dead *d = &add->stale[i];
		int r = ipam_remove(add->ipam->data, d->id, cool, d->uid, d->token, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int insert_row(struct add *add, struct bw_err *err)
{
	int r = bw_journal_attach_insert(add->ipam->data, add->who, &add->id, err);

	if (r != -EEXIST)
		return r;
	r = bw_journal_attach_get(add->ipam->data, add->who->container_id, add->who->ifname,
				  add->holder, err);
	if (r == 0)
		return bw_fail(err, EBADMSG, "find the attachment that is there");
	add->blocked_by = add->holder->id;
	return r < 0 ? r : AGAIN;
}

/* The whole transaction. 0 committed; AGAIN with .blocked_by; -errno. Open only within. */
static int attempt(struct add *add, struct bw_err *err)
{
	const struct bw_ipam_conf *conf = add->ipam->conf;
	struct bw_journal *j = add->ipam->data;
	int dynamic = 0;
	int r = bw_journal_begin(j, BW_JOURNAL_NORMAL, err);

	if (r < 0)
		return r;
	memset(add->took, 0, sizeof(add->took));
	add->blocked_by = 0;
	r = bury(add, err);
	if (r == 0)
		r = ipam_claim_take(add->ipam, add->who, err);
	if (r == 0)
		r = insert_row(add, err);
	/* Wishes first: a dynamic pick of this ADD must not take one of them. */
	for (size_t i = 0; i < conf->n_sets && r == 0; i++) {
		if (conf->wishes[i].ip.family)
			r = give(add, i, err);
		else
			dynamic = 1;
	}
	if (r == 0 && dynamic) {
		r = bw_journal_addr_expire(j, conf->domain, bw_clock_real_s(), EXPIRE_MAX, err);
		r = r < 0 ? r : 0;
	}
	for (size_t i = 0; i < conf->n_sets && r == 0; i++)
		if (!conf->wishes[i].ip.family)
			r = give(add, i, err);
	if (r != 0) {
		bw_journal_rollback(j);
		return r;
	}
	return bw_journal_commit(j, err);
}

static int refuse_holder(const struct add *add, struct bw_err *err)
{
	const struct bw_ipam_conf *conf = add->ipam->conf;
	const struct bw_attachment *h = add->holder;
	char holder[IPAM_HOLDER_MAX];

	if (strcmp(h->container_id, add->who->container_id) == 0 &&
	    strcmp(h->ifname, add->who->ifname) == 0)
		return bw_reject(err, BW_ERR_INVALID, EEXIST,
				 "container %.80s %s is attached already (network %.80s, %s); "
				 "DEL comes before another ADD",
				 h->container_id, h->ifname, h->network,
				 bw_attach_state_str(h->state));
	for (size_t i = 0; i < conf->n_sets; i++) {
		struct bw_journal_addr row;
		char s[BW_IP_STR_MAX];

		if (!conf->wishes[i].ip.family ||
		    bw_journal_addr_get(add->ipam->data, conf->domain, &conf->wishes[i].ip, &row,
					NULL) != 1 ||
		    row.attachment != h->id)
			continue;
		return bw_reject(err, BW_ERR_BUSY, EBUSY, "%s: %s is held by %s",
				 conf->wishes[i].from, bw_ip_str(&conf->wishes[i].ip, s),
				 ipam_holder_str(h, holder));
	}
	return AGAIN; /* let go of it meanwhile */
}

/* The plugin takes the kernel side of a dead container down; its row goes with our transaction. */
static int finish_one(struct add *add, const struct bw_attachment *a, struct bw_err *err)
{
	int r;

	if (add->n_stale == STALE_MAX)
		return bw_reject(err, BW_ERR_BUSY, EBUSY,
				 "more than %d dead containers are in the way", STALE_MAX);
	if (!add->stale)
		add->stale = calloc(STALE_MAX, sizeof(*add->stale));
	if (!add->stale)
		return bw_fail(err, ENOMEM, "finish dead container %.80s", a->container_id);
	r = add->finish ? add->finish(a, add->arg, err) : 0;
	if (r < 0)
		return bw_wrap(err, r, "finish dead container %.80s %s", a->container_id,
			       a->ifname);
	add->stale[add->n_stale].id = a->id;
	memcpy(add->stale[add->n_stale].uid, a->claim_uid, sizeof(a->claim_uid));
	add->stale[add->n_stale++].token = a->token;
	return 0;
}

/* 0 = go on with the next attempt; -errno: who is in the way lives. */
static int clear_way(struct add *add, struct bw_err *err)
{
	int r = bw_journal_attach_get_id(add->ipam->data, add->blocked_by, add->holder, err);

	if (r <= 0)
		return r; /* gone meanwhile, or an error */
	if (bw_ipam_stale(add->holder, add->who->boot_id))
		return finish_one(add, add->holder, err);
	r = refuse_holder(add, err);
	return r == AGAIN ? 0 : r;
}

struct reclaim {
	struct add *add;
	unsigned int looked;
};

static int reclaim_one(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	struct reclaim *rc = arg;

	if (++rc->looked > RECLAIM_LOOK_MAX || rc->add->n_stale == STALE_MAX)
		return AGAIN; /* enough for now */
	if (strcmp(a->network, rc->add->who->network) != 0 ||
	    !bw_ipam_stale(a, rc->add->who->boot_id) || is_finished(rc->add, a->id))
		return 0;
	return finish_one(rc->add, a, err);
}

/*
 * Exhausted: a runtime that never calls GC leaves the rows of a whole boot behind. Return: 1 dead
 * containers were found, 0 none; -errno.
 */
static int reclaim(struct add *add, struct bw_err *err)
{
	struct reclaim rc = { .add = add };
	size_t before = add->n_stale;
	int r;

	if (add->reclaimed)
		return 0;
	add->reclaimed = 1;
	r = bw_journal_attach_each(add->ipam->data, add->who->network, reclaim_one, &rc, err);
	return r < 0 ? r : add->n_stale > before;
}

static int add_all(struct add *add, struct bw_err *err)
{
	for (unsigned int i = 0; i < ATTEMPTS_MAX; i++) {
		int r = attempt(add, err);

		if (r == 0)
			return 0;
		if (r == -ENOSPC && err->class == BW_ERR_BUSY && add->ipam->conf->has_sets) {
			struct bw_err other = { 0 };

			r = reclaim(add, &other);
			if (r < 0)
				*err = other;
			else if (r == 0)
				return -ENOSPC;
			r = r > 0 ? AGAIN : r;
		} else if (r == AGAIN) {
			r = clear_way(add, err);
		}
		if (r < 0)
			return r;
	}
	return bw_reject(err, BW_ERR_BUSY, EBUSY, "the addresses wanted change hands too quickly");
}

static int add_routes(const struct bw_ipam_conf *conf, struct bw_cni_result *result,
		      struct bw_err *err)
{
	const struct ipam_route_in *in = conf->in.routes.items;

	for (size_t i = 0; i < conf->in.routes.n; i++) {
		struct bw_cni_route route = {
			.dst = in[i].dst,
			.gw = in[i].gw,
			.mtu = in[i].mtu,
			.advmss = in[i].advmss,
			.priority = in[i].has_priority ? in[i].priority : -1,
			.table = in[i].has_table ? in[i].table : -1,
			.scope = in[i].has_scope ? in[i].scope : -1,
		};
		int r = bw_cni_result_add_route(result, &route, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_result(const struct add *add, struct bw_cni_result *result, struct bw_err *err)
{
	const struct bw_ipam_conf *conf = add->ipam->conf;

	for (size_t i = 0; i < conf->n_sets; i++) {
		const struct bw_range *range = bw_range_set_find(&conf->sets[i], &add->ips[i]);
		struct bw_cni_ip ip = { .address = { add->ips[i], range->subnet.len },
					.gateway = range->gateway,
					.interface = BW_CNI_NO_IF };
		int r = bw_cni_result_add_ip(result, &ip, err);

		if (r < 0)
			return r;
	}
	return add_routes(conf, result, err);
}

int bw_ipam_add(struct bw_ipam *ipam, const struct bw_attachment *who, bw_ipam_finish_fn finish,
		void *arg, struct bw_cni_result *result, struct bw_err *err)
{
	bw_autofree struct bw_attachment *holder = malloc(sizeof(*holder));
	bw_autofree struct bw_attachment *row = malloc(sizeof(*row));
	struct add add = { .ipam = ipam, .finish = finish, .arg = arg, .holder = holder };
	struct bw_err why = { 0 };
	int r = 0;

	if (!holder || !row)
		return bw_fail(err, ENOMEM, "add an attachment");
	*row = *who;
	row->state = BW_ATTACH_ADDING;
	if (!row->pod[0])
		memcpy(row->pod, ipam->conf->pod, sizeof(row->pod));
	add.who = row;
	add.key = row->pod[0] ? row->pod : row->container_id;
	/* What can fail for a configuration's sake fails before anything is written. */
	if (ipam->conf->in.resolv_conf && *ipam->conf->in.resolv_conf)
		r = ipam_resolv_conf(ipam->conf->in.resolv_conf, result, &why);
	if (r == 0)
		r = add_all(&add, &why);
	free(add.stale);
	if (r == 0) {
		ipam->add_id = add.id;
		r = fill_result(&add, result, &why);
		if (r < 0)
			(void)bw_ipam_abort(ipam, who->container_id, who->ifname,
					    NULL); /* the first error counts, ignoring */
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

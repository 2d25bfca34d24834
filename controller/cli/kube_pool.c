/* SPDX-License-Identifier: Apache-2.0 */
/* barewire pool, pool map, simulate: what pools hold. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/range.h>
#include <gen/net.h>

#include "kube_cli.h"
#include "kube_map.h"

static const char *or_dash(const char *s)
{
	return s && *s ? s : "-";
}

/* Why a pool does not allocate; "" = it does. */
static const char *trouble(const struct bw_net_pool *p)
{
	for (size_t i = 0; i < p->status.conditions.n; i++) {
		const struct bw_kube_condition *c = &p->status.conditions.items[i];
		int good = strcmp(c->type, "Allocatable") == 0;

		if (strcmp(c->status, good ? "False" : "True") == 0)
			return c->reason && *c->reason ? c->reason : c->type;
	}
	return "";
}

static int print_pool(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct bw_net_pool p = { 0 };
	int r = bw_net_pool_decode(text, size, &p, err);

	(void)arg;
	if (r == 0)
		/* Nobody reads what cannot be printed, ignoring. */
		(void)printf("%-20s  %-12s  %-20s  %-8s  %8s  %8s  %8s  %s\n", p.meta.name,
			     p.spec.domain, p.spec.prefix, bw_net_pool_mode_str(p.spec.mode),
			     or_dash(p.status.total), or_dash(p.status.used),
			     or_dash(p.status.cooling), trouble(&p));
	bw_net_pool_done(&p);
	return r;
}

static void print_list(const char *what, const char *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)printf("%-12s %s\n", i ? "" : what, items[i]); /* as above, ignoring */
}

static void print_whole(const struct bw_net_pool *p)
{
	const struct bw_net_pool_spec *s = &p->spec;

	/* as above, ignoring */
	(void)printf("%-12s %s\n%-12s %s\n%-12s %s\n", "pool", p->meta.name, "domain", s->domain,
		     "prefix", s->prefix);
	print_list("ranges", s->ranges.items, s->ranges.n);
	print_list("excludes", s->excludes.items, s->excludes.n);
	(void)printf("%-12s %s\n%-12s %s\n%-12s %d\n%-12s %s\n", "gateway", or_dash(s->gateway),
		     "uplink", or_dash(s->uplink), "vlan", s->vlan, "mode",
		     bw_net_pool_mode_str(s->mode));
	(void)printf("%-12s %s of %s, %s cooling, %s out of range\n", "used",
		     or_dash(p->status.used), or_dash(p->status.total), or_dash(p->status.cooling),
		     or_dash(p->status.out_of_range));
	for (size_t i = 0; i < p->status.conditions.n; i++) {
		const struct bw_kube_condition *c = &p->status.conditions.items[i];

		(void)printf("%-12s %s=%s %s: %s\n", i ? "" : "conditions", c->type, c->status,
			     or_dash(c->reason), or_dash(c->message));
	}
}

/* The pool of that name; owned by the caller. 0; CLI_FOUND, CLI_FAILED after a message. */
static int get_pool(struct cli_session *s, const char *name, struct bw_net_pool *ret)
{
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_err err = { 0 };
	int r = cli_session_get(s, &bw_kind_networkpool, NULL, name, &text, &err);

	if (r == 0) {
		(void)fprintf(stderr, "barewire: there is no NetworkPool %s\n", name);
		return CLI_FOUND;
	}
	if (r > 0)
		r = bw_net_pool_decode(text.data, text.size, ret, &err);
	return r < 0 ? cli_fail(&err) : 0;
}

int cli_kube_pool(struct cli_session *s)
{
	struct bw_net_pool p = { 0 };
	struct bw_err err = { 0 };
	int r;

	if (s->args->n_words) {
		r = get_pool(s, s->args->words[0], &p);
		if (r == 0)
			print_whole(&p);
		bw_net_pool_done(&p);
		return r;
	}
	(void)printf("%-20s  %-12s  %-20s  %-8s  %8s  %8s  %8s  %s\n", "POOL", "DOMAIN", "PREFIX",
		     "MODE", "TOTAL", "USED", "COOLING", "TROUBLE");
	r = cli_session_list(s, &bw_kind_networkpool, NULL, print_pool, NULL, &err);
	return r < 0 ? cli_fail(&err) : CLI_OK;
}

static enum cli_map_state state_of(const struct bw_net_address *a)
{
	switch (a->spec.state) {
	case BW_NET_ADDRESS_STATE_RETAINED:
		return CLI_MAP_RETAINED;
	case BW_NET_ADDRESS_STATE_COOLING:
		return CLI_MAP_COOLING;
	case BW_NET_ADDRESS_STATE_QUARANTINED:
		return CLI_MAP_QUARANTINED;
	case BW_NET_ADDRESS_STATE_NONE:
	case BW_NET_ADDRESS_STATE_BOUND:
	case BW_NET_ADDRESS_STATE_MAX_:
		break;
	}
	return CLI_MAP_BOUND;
}

struct fill {
	struct cli_map *map;
	const char *domain;
	const char *pool;
};

static int mark_address(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct bw_net_address a = { 0 };
	const struct fill *f = arg;
	struct bw_ip ip;
	int r = bw_net_address_decode(text, size, &a, err);

	if (r == 0 && strcmp(a.spec.domain, f->domain) == 0 &&
	    bw_ip_parse(a.spec.address, &ip) == 0)
		cli_map_mark(f->map, &ip, &ip, state_of(&a), strcmp(a.spec.pool, f->pool) == 0);
	bw_net_address_done(&a);
	return r;
}

static int mark_reservation(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct bw_net_reservation v = { 0 };
	const struct fill *f = arg;
	int r = bw_net_reservation_decode(text, size, &v, err);

	for (size_t i = 0; r == 0 && i < v.spec.addresses.n; i++) {
		struct bw_interval iv;

		if (strcmp(v.spec.domain, f->domain) == 0 &&
		    bw_interval_parse(v.spec.addresses.items[i], &iv) == 0)
			cli_map_mark(f->map, &iv.first, &iv.last, CLI_MAP_RESERVED, 0);
	}
	bw_net_reservation_done(&v);
	return r;
}

/* The ranges of a pool, and what every address of them is. 0; -errno. */
static int fill_map(struct cli_session *s, const struct bw_net_pool *p, struct cli_map *map,
		    struct bw_err *err)
{
	struct fill f = { map, p->spec.domain, p->meta.name };
	struct bw_interval iv;
	int r = 0;

	for (size_t i = 0; i < p->spec.ranges.n && r == 0; i++)
		r = bw_interval_parse(p->spec.ranges.items[i], &iv) == 0
			    ? cli_map_add(map, &iv, err)
			    : bw_reject(err, BW_ERR_INVALID, EINVAL, "ranges[%zu]: \"%.64s\"", i,
					p->spec.ranges.items[i]);
	if (r == 0)
		r = cli_map_alloc(map, err);
	for (size_t i = 0; i < p->spec.excludes.n && r == 0; i++)
		if (bw_interval_parse(p->spec.excludes.items[i], &iv) == 0)
			cli_map_mark(map, &iv.first, &iv.last, CLI_MAP_EXCLUDED, 0);
	if (r == 0)
		r = cli_session_list(s, &bw_kind_networkreservation, NULL, mark_reservation, &f,
				     err);
	if (r == 0)
		r = cli_session_list(s, &bw_kind_networkaddress, NULL, mark_address, &f, err);
	return r;
}

/* Draws or counts: @fn gets the filled map. */
static int with_map(struct cli_session *s,
		    int (*fn)(struct cli_session *s, const struct bw_net_pool *p,
			      const struct cli_map *map))
{
	struct bw_net_pool p = { 0 };
	bw_autofree struct cli_map *map = calloc(1, sizeof(*map));
	struct bw_err err = { 0 };
	int r;

	if (!map) {
		(void)bw_fail(&err, ENOMEM, "draw a pool"); /* printed, ignoring */
		return cli_fail(&err);
	}
	r = get_pool(s, s->args->words[0], &p);
	if (r == 0)
		r = fill_map(s, &p, map, &err) < 0 ? cli_fail(&err) : fn(s, &p, map);
	cli_map_done(map);
	bw_net_pool_done(&p);
	return r;
}

static int draw(struct cli_session *s, const struct bw_net_pool *p, const struct cli_map *map)
{
	const char *o = s->args->output;

	if (o && strcmp(o, "svg") == 0)
		cli_map_svg(map, p->meta.name, stdout);
	else
		cli_map_text(map, p->meta.name, stdout);
	return ferror(stdout) ? CLI_FAILED : CLI_OK;
}

int cli_kube_map(struct cli_session *s)
{
	return with_map(s, draw);
}

static int count(struct cli_session *s, const struct bw_net_pool *p, const struct cli_map *map)
{
	uint64_t want = strtoull(s->args->words[1], NULL, 10);
	uint64_t free_now = map->total - cli_map_taken(map);

	/* Nobody reads what cannot be printed, ignoring. */
	(void)printf("pool %s: %llu of %llu addresses are free; %llu more %s\n", p->meta.name,
		     (unsigned long long)free_now, (unsigned long long)map->total,
		     (unsigned long long)want, want <= free_now ? "fit" : "do not fit");
	if (want <= free_now && map->per_cell == 1)
		cli_map_first_free(map, want, stdout);
	else if (want > free_now)
		(void)printf("%llu would wait: condition Exhausted; fallback pools: %zu\n",
			     (unsigned long long)(want - free_now), p->spec.fallback.n);
	return want <= free_now ? CLI_OK : CLI_FOUND;
}

int cli_kube_simulate(struct cli_session *s)
{
	return with_map(s, count);
}

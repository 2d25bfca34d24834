/* SPDX-License-Identifier: Apache-2.0 */
/* barewire pool map, simulate: every address of a pool and what it is. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/range.h>

#include "kube_cli.h"
#include "kube_map.h"
#include "kube_pool.h"

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
	r = cli_pool_get(s, s->args->words[0], &p);
	if (r == 0)
		r = fill_map(s, &p, map, &err) < 0 ? cli_fail(&err) : fn(s, &p, map);
	cli_map_done(map);
	bw_net_pool_done(&p);
	return r;
}

static int draw(struct cli_session *s, const struct bw_net_pool *p, const struct cli_map *map)
{
	if (s->args->format == CLI_SVG)
		cli_map_svg(map, p->meta.name, stdout);
	else
		cli_map_text(map, p->meta.name, stdout);
	return ferror(stdout) ? CLI_FAILED : CLI_OK;
}

int cli_kube_map(struct cli_session *s)
{
	return with_map(s, draw);
}

/* A number of addresses. 0; -EINVAL. */
static int parse_count(const char *text, uint64_t *ret)
{
	char *end = NULL;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || end == text || *end || !*ret || strchr(text, '-') ? -EINVAL : 0;
}

static int count_tree(const struct cli_session *s, const struct bw_net_pool *p, uint64_t total,
		      uint64_t free_now, uint64_t want)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	int code;

	bw_json_put_str(&b, root, "pool", p->meta.name);
	bw_json_put_uint(&b, root, "total", total);
	bw_json_put_uint(&b, root, "free", free_now);
	bw_json_put_uint(&b, root, "wanted", want);
	bw_json_put_uint(&b, root, "waiting", want > free_now ? want - free_now : 0);
	bw_json_put_bool(&b, root, "fits", want <= free_now);
	code = cli_out_build(s->args, &b);
	return code != CLI_OK ? code : want <= free_now ? CLI_OK : CLI_FOUND;
}

static int count(struct cli_session *s, const struct bw_net_pool *p, const struct cli_map *map)
{
	uint64_t free_now = map->total - cli_map_taken(map);
	uint64_t want = 0;

	if (parse_count(s->args->words[1], &want) < 0) {
		(void)fprintf(
			stderr,
			"barewire simulate: COUNT: expected a number above 0, got \"%.64s\"\n",
			s->args->words[1]);
		return CLI_USAGE;
	}
	if (cli_wants_tree(s->args))
		return count_tree(s, p, map->total, free_now, want);
	/* Nobody reads what cannot be printed, ignoring. */
	(void)printf("pool %s: %llu of %llu addresses are free; %llu more %s\n", p->meta.name,
		     (unsigned long long)free_now, (unsigned long long)map->total,
		     (unsigned long long)want, want <= free_now ? "fit" : "do not fit");
	if (want <= free_now && map->per_cell == 1)
		cli_map_first_free(map, want, stdout);
	else if (want > free_now)
		(void)printf("%llu would wait with reason PoolExhausted; fallback pools: %zu\n",
			     (unsigned long long)(want - free_now), p->spec.fallback.n);
	return want <= free_now ? CLI_OK : CLI_FOUND;
}

int cli_kube_simulate(struct cli_session *s)
{
	return with_map(s, count);
}

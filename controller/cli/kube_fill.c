/* SPDX-License-Identifier: Apache-2.0 */
/* barewire pool map, simulate: every address of a pool and what it is. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>

#include "kube_cli.h"
#include "kube_map.h"
#include "kube_pool.h"

#define CELLS_MAX 4096

struct fill {
	struct bw_map *map;
	const struct bw_net_pool *pool;
};

static int mark_address(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct bw_net_address a = { 0 };
	const struct fill *f = arg;
	int r = bw_net_address_decode(text, size, &a, err);

	if (r == 0)
		bw_map_put_address(f->map, f->pool, &a);
	bw_net_address_done(&a);
	return r;
}

static int mark_reservation(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct bw_net_reservation v = { 0 };
	const struct fill *f = arg;
	int r = bw_net_reservation_decode(text, size, &v, err);

	if (r == 0)
		bw_map_put_reservation(f->map, f->pool, &v);
	bw_net_reservation_done(&v);
	return r;
}

/* The ranges of a pool, and what every address of them is. 0; -errno. */
static int fill_map(struct cli_session *s, const struct bw_net_pool *p, struct bw_map *map,
		    struct bw_err *err)
{
	struct fill f = { map, p };
	int r = bw_map_begin(map, p, CELLS_MAX, err);

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
			      const struct bw_map *map))
{
	struct bw_net_pool p = { 0 };
	bw_autofree struct bw_map *map = calloc(1, sizeof(*map));
	struct bw_err err = { 0 };
	int r;

	if (!map) {
		(void)bw_fail(&err, ENOMEM, "draw a pool"); /* printed, ignoring */
		return cli_fail(&err);
	}
	r = cli_pool_get(s, s->args->words[0], &p);
	if (r == 0)
		r = fill_map(s, &p, map, &err) < 0 ? cli_fail(&err) : fn(s, &p, map);
	bw_map_done(map);
	bw_net_pool_done(&p);
	return r;
}

static int draw(struct cli_session *s, const struct bw_net_pool *p, const struct bw_map *map)
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

static int count(struct cli_session *s, const struct bw_net_pool *p, const struct bw_map *map)
{
	uint64_t free_now = map->total - bw_map_taken(map);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* barewire pool: what pools hold, as rows or in full. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/loop.h>
#include <bw/view_unit.h>
#include <gen/net.h>

#include "kube_cli.h"
#include "kube_pool.h"

static const char *or_dash(const char *s)
{
	return s && *s ? s : "-";
}

/* Why a pool does not allocate; "" = it does. */
static const char *trouble(const struct bw_net_pool *p)
{
	const struct bw_kube_condition *c = bw_view_pool_trouble(p);

	if (!c)
		return "";
	return c->reason && *c->reason ? c->reason : c->type;
}

static void print_head(const struct cli_kube_args *args)
{
	/* Nobody reads what cannot be printed, ignoring: here and below. */
	(void)printf("%-20s  %-12s  %-20s  %-8s  %8s  %8s  %8s  ", "POOL", "DOMAIN", "PREFIX",
		     "MODE", "TOTAL", "USED", "COOLING");
	if (args->format == CLI_WIDE)
		(void)printf("%-12s  %4s  %-16s  %-9s  %-7s  %5s  ", "UPLINK", "VLAN", "GATEWAY",
			     "FENCING", "DEFAULT", "AGE");
	(void)printf("%s\n", "TROUBLE");
}

static void print_row(const struct cli_session *s, const struct bw_net_pool *p)
{
	char age[24];

	(void)printf("%-20s  %-12s  %-20s  %-8s  %8s  %8s  %8s  ", p->meta.name, p->spec.domain,
		     p->spec.prefix, bw_net_pool_mode_str(p->spec.mode), or_dash(p->status.total),
		     or_dash(p->status.used), or_dash(p->status.cooling));
	if (s->args->format == CLI_WIDE)
		(void)printf("%-12s  %4d  %-16s  %-9s  %-7s  %5s  ", or_dash(p->spec.uplink),
			     p->spec.vlan, or_dash(p->spec.gateway),
			     bw_net_pool_fencing_str(p->spec.fencing),
			     p->spec.default_ ? "yes" : "-",
			     cli_out_age(p->meta.creation_timestamp, bw_loop_real_s(s->loop), age));
	(void)printf("%s\n", trouble(p));
}

static int list_one(struct cli_session *s, const char *text, size_t size, struct bw_err *err)
{
	BW_CLEANUP(bw_net_pool_done) struct bw_net_pool p = { 0 };
	int r = bw_net_pool_decode(text, size, &p, err);

	if (r < 0)
		return r;
	if (s->args->format == CLI_NAME)
		cli_out_name(&bw_kind_networkpool, p.meta.name);
	else
		print_row(s, &p);
	return 0;
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

/* The text of the pool. CLI_OK; CLI_FOUND, CLI_FAILED after a message. */
static int get_text(struct cli_session *s, const char *name, struct bw_buf *ret)
{
	struct bw_err err = { 0 };
	int r = cli_session_get(s, &bw_kind_networkpool, NULL, name, ret, &err);

	if (r < 0)
		return cli_fail(&err);
	if (r)
		return CLI_OK;
	(void)fprintf(stderr, "barewire: there is no NetworkPool %s; barewire pool lists them\n",
		      name);
	return CLI_FOUND;
}

int cli_pool_get(struct cli_session *s, const char *name, struct bw_net_pool *ret)
{
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_err err = { 0 };
	int r = get_text(s, name, &text);

	if (r)
		return r;
	return bw_net_pool_decode(text.data, text.size, ret, &err) < 0 ? cli_fail(&err) : CLI_OK;
}

static int print_one(struct cli_session *s, const char *name)
{
	BW_CLEANUP(bw_net_pool_done) struct bw_net_pool p = { 0 };
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_err err = { 0 };
	int r = get_text(s, name, &text);

	if (r)
		return r;
	if (cli_wants_tree(s->args))
		return cli_out_object(s->args, text.data, text.size);
	if (bw_net_pool_decode(text.data, text.size, &p, &err) < 0)
		return cli_fail(&err);
	if (s->args->format == CLI_NAME)
		cli_out_name(&bw_kind_networkpool, p.meta.name);
	else if (s->args->format == CLI_WIDE) {
		print_head(s->args);
		print_row(s, &p);
	} else
		print_whole(&p);
	return CLI_OK;
}

int cli_kube_pool(struct cli_session *s)
{
	static const struct cli_lines lines = { &bw_kind_networkpool, print_head, list_one };
	int none, r;

	if (s->args->n_words)
		return print_one(s, s->args->words[0]);
	r = cli_list_lines(s, &lines, NULL, &none);
	if (none)
		(void)fprintf(stderr, "no pool; conf/examples/pools.yaml shows some\n");
	return r;
}

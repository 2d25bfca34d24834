/* SPDX-License-Identifier: Apache-2.0 */
/* barewire claim: claims and their addresses for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/loop.h>

#include "kube_claim.h"
#include "kube_cli.h"

#define IPS_STR_MAX 200

/* All addresses of a claim, parted by commas; "-" without any. */
static const char *ips_str(const struct bw_net_claim *c, char out[IPS_STR_MAX])
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < c->status.interfaces.n; i++)
		for (size_t k = 0; k < c->status.interfaces.items[i].ips.n; k++) {
			int n = snprintf(out + at, IPS_STR_MAX - at, "%s%s", at ? "," : "",
					 c->status.interfaces.items[i].ips.items[k]);

			if (n < 0 || (size_t)n >= IPS_STR_MAX - at)
				return out; /* cut: there is -o yaml of kubectl */
			at += (size_t)n;
		}
	return at ? out : "-";
}

/* Why it is not attached; "" = it is. */
static const char *waits_for(const struct bw_net_claim *c)
{
	for (size_t i = 0; i < c->status.conditions.n; i++) {
		const struct bw_kube_condition *k = &c->status.conditions.items[i];

		if (strcmp(k->status, "True") != 0 && k->message && *k->message)
			return k->message;
	}
	return "";
}

static void print_head(const struct cli_kube_args *args)
{
	/* Nobody reads what cannot be printed, ignoring: here and below. */
	(void)printf("%-16s  %-24s  %-9s  %-32s  %-16s  ", "NAMESPACE", "CLAIM", "PHASE",
		     "ADDRESSES", "NODE");
	if (args->format == CLI_WIDE)
		(void)printf("%-16s  %-12s  %-17s  %5s  ", "ATTACHED", "POOL", "MAC", "AGE");
	(void)printf("%5s  %s\n", "TOKEN", "WAITS FOR");
}

static void print_row(const struct cli_session *s, const struct bw_net_claim *c)
{
	const struct bw_net_claim_status_interface *first =
		c->status.interfaces.n ? c->status.interfaces.items : NULL;
	int attached = c->status.phase == BW_NET_CLAIM_STATUS_PHASE_ATTACHED;
	char ips[IPS_STR_MAX], age[24];

	(void)printf("%-16s  %-24s  %-9s  %-32s  %-16s  ", c->meta.namespace, c->meta.name,
		     bw_net_claim_status_phase_str(c->status.phase), ips_str(c, ips),
		     c->status.has_holder ? c->status.holder.node : "-");
	if (s->args->format == CLI_WIDE)
		(void)printf("%-16s  %-12s  %-17s  %5s  ",
			     c->status.has_attached ? c->status.attached.node : "-",
			     first ? first->pool : "-", first && first->mac ? first->mac : "-",
			     cli_out_age(c->meta.creation_timestamp, bw_loop_real_s(s->loop), age));
	(void)printf("%5" PRId64 "  %s\n", c->status.has_holder ? c->status.holder.token : 0,
		     attached ? "" : waits_for(c));
}

static int list_one(struct cli_session *s, const char *text, size_t size, struct bw_err *err)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim c = { 0 };
	int r = bw_net_claim_decode(text, size, &c, err);

	if (r < 0)
		return r;
	if (s->args->format == CLI_NAME)
		cli_out_name(&bw_kind_networkclaim, c.meta.name);
	else
		print_row(s, &c);
	return 0;
}

void cli_claim_print(const struct bw_net_claim *c)
{
	(void)printf("%-12s %s/%s\n%-12s %s\n", "claim", c->meta.namespace, c->meta.name, "phase",
		     bw_net_claim_status_phase_str(c->status.phase));
	for (size_t i = 0; i < c->status.interfaces.n; i++) {
		const struct bw_net_claim_status_interface *f = &c->status.interfaces.items[i];

		(void)printf("%-12s %s, pool %s", i ? "" : "interfaces", f->name, f->pool);
		for (size_t k = 0; k < f->ips.n; k++)
			(void)printf(", %s", f->ips.items[k]);
		(void)printf("%s%s\n", f->mac ? ", " : "", f->mac ? f->mac : "");
	}
	if (c->status.has_holder)
		(void)printf("%-12s node %s, token %" PRId64 "\n", "holder", c->status.holder.node,
			     c->status.holder.token);
	if (c->status.has_attached)
		(void)printf("%-12s node %s, token %" PRId64 ", since %s\n", "attached",
			     c->status.attached.node, c->status.attached.token,
			     c->status.attached.since ? c->status.attached.since : "-");
	if (c->status.has_detached_token)
		(void)printf("%-12s token %" PRId64 "\n", "given back", c->status.detached_token);
	for (size_t i = 0; i < c->status.conditions.n; i++) {
		const struct bw_kube_condition *k = &c->status.conditions.items[i];

		(void)printf("%-12s %s=%s %s: %s\n", i ? "" : "conditions", k->type, k->status,
			     k->reason ? k->reason : "-", k->message ? k->message : "");
	}
}

int cli_claim_get(struct cli_session *s, const char *word, char ns[64], struct bw_buf *ret)
{
	return cli_object_get(s, &bw_kind_networkclaim, word, "claim", ns, ret);
}

static int print_one(struct cli_session *s, const char *word)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim c = { 0 };
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_err err = { 0 };
	char ns[64];
	int r = cli_claim_get(s, word, ns, &text);

	if (r)
		return r;
	if (cli_wants_tree(s->args))
		return cli_out_object(s->args, text.data, text.size);
	if (bw_net_claim_decode(text.data, text.size, &c, &err) < 0)
		return cli_fail(&err);
	if (s->args->format == CLI_NAME)
		cli_out_name(&bw_kind_networkclaim, c.meta.name);
	else if (s->args->format == CLI_WIDE) {
		print_head(s->args);
		print_row(s, &c);
	} else
		cli_claim_print(&c);
	return CLI_OK;
}

int cli_kube_claim(struct cli_session *s)
{
	static const struct cli_lines lines = { &bw_kind_networkclaim, print_head, list_one };
	int none, r;

	if (s->args->n_words && s->args->all)
		return cli_usage("claim", "a name and -A exclude each other");
	if (s->args->n_words)
		return print_one(s, s->args->words[0]);
	r = cli_list_lines(s, &lines, s->args->all ? NULL : s->namespace, &none);
	if (none && !s->args->all)
		(void)fprintf(stderr, "no claim in namespace %s; -A looks in all\n", s->namespace);
	return r;
}

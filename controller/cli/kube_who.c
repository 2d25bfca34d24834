/* SPDX-License-Identifier: Apache-2.0 */
/* barewire who: an address, its lock, and the claim that has it. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/ip.h>
#include <bw/json.h>

#include "kube_claim.h"
#include "kube_cli.h"

struct who {
	struct cli_session *s;
	struct bw_ip ip;
	struct bw_json_build build;
	struct cJSON *items; /* borrowed from build; NULL = text */
	unsigned int n;
};

static void who_done(struct who *w)
{
	bw_json_build_done(&w->build);
}

static void print_claim(const struct bw_net_address *a, const struct bw_buf *text)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim c = { 0 };

	/* Nobody reads what cannot be printed, ignoring: here and below. */
	if (!text->size || bw_net_claim_decode(text->data, text->size, &c, NULL) < 0)
		(void)printf("that claim does not exist (any more)\n");
	else if (strcmp(c.meta.uid, a->spec.claim.uid) != 0)
		(void)printf("a claim of that name exists, with another uid: %s\n", c.meta.uid);
	else
		cli_claim_print(&c);
}

/* The lock and its claim, as a tree or for people. */
static int tell(struct who *w, const struct bw_net_address *a, const char *lock, size_t size,
		struct bw_err *err)
{
	bw_autobuf struct bw_buf text = { 0 };
	char ip[BW_IP_STR_MAX];
	int r = 0;

	if (a->spec.has_claim)
		r = cli_session_get(w->s, &bw_kind_networkclaim, a->spec.claim.namespace,
				    a->spec.claim.name, &text, err);
	if (r < 0)
		return r;
	if (w->items) {
		r = cli_out_append(&w->build, w->items, lock, size, err);
		return r < 0 || !text.size
			       ? r
			       : cli_out_append(&w->build, w->items, text.data, text.size, err);
	}
	(void)printf("%s in domain %s: %s since %s, pool %s\n", bw_ip_str(&w->ip, ip),
		     a->spec.domain, bw_net_address_state_str(a->spec.state),
		     a->spec.state_since ? a->spec.state_since : "-", a->spec.pool);
	if (!a->spec.has_claim)
		return 0;
	(void)printf("claim %s/%s (uid %s)\n", a->spec.claim.namespace, a->spec.claim.name,
		     a->spec.claim.uid);
	print_claim(a, &text);
	return 0;
}

static int find_address(const char *text, size_t size, void *arg, struct bw_err *err)
{
	BW_CLEANUP(bw_net_address_done) struct bw_net_address a = { 0 };
	struct who *w = arg;
	struct bw_ip ip;
	int r = bw_net_address_decode(text, size, &a, err);

	if (r < 0 || bw_ip_parse(a.spec.address, &ip) < 0 || !bw_ip_eq(&ip, &w->ip))
		return r;
	w->n++;
	return tell(w, &a, text, size, err);
}

int cli_kube_who(struct cli_session *s)
{
	BW_CLEANUP(who_done) struct who w = { .s = s };
	const char *said = s->args->words[0];
	struct bw_err err = { 0 };

	if (bw_ip_parse(said, &w.ip) < 0) {
		/* Nothing is left to do when stderr is gone, ignoring. */
		(void)fprintf(stderr,
			      "barewire who: expected an address such as 10.99.2.77 or fd00::77, "
			      "got \"%.64s\"\n",
			      said);
		return CLI_USAGE;
	}
	if (cli_wants_tree(s->args))
		w.items = cli_out_list(&w.build);
	if (cli_session_list(s, &bw_kind_networkaddress, NULL, find_address, &w, &err) < 0)
		return cli_fail(&err);
	if (w.items && cli_out_build(s->args, &w.build) != CLI_OK)
		return CLI_FAILED;
	if (!w.n && !w.items)
		(void)printf("nobody: there is no NetworkAddress of %s\n", said);
	return w.n ? CLI_OK : CLI_FOUND;
}

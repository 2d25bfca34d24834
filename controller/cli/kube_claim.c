/* SPDX-License-Identifier: Apache-2.0 */
/* barewire claim, who, release: claims and their addresses for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/ip.h>
#include <bw/json.h>
#include <gen/net.h>

#include "kube_cli.h"

/* As controller/ipam reads it. */
#define RELEASE_TOKEN "net.barewire.dev/release-token"
#define RELEASE_REASON "net.barewire.dev/release-reason"
#define RELEASED_BY "net.barewire.dev/released-by"
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

static int print_claim(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct bw_net_claim c = { 0 };
	char ips[IPS_STR_MAX];
	int r = bw_net_claim_decode(text, size, &c, err);

	(void)arg;
	if (r == 0)
		/* Nobody reads what cannot be printed, ignoring. */
		(void)printf(
			"%-16s  %-24s  %-9s  %-32s  %-16s  %5" PRId64 "  %s\n", c.meta.namespace,
			c.meta.name, bw_net_claim_status_phase_str(c.status.phase),
			ips_str(&c, ips), c.status.has_holder ? c.status.holder.node : "-",
			c.status.has_holder ? c.status.holder.token : 0,
			c.status.phase == BW_NET_CLAIM_STATUS_PHASE_ATTACHED ? "" : waits_for(&c));
	bw_net_claim_done(&c);
	return r;
}

static void print_whole(const struct bw_net_claim *c)
{
	/* as above, ignoring */
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

/* The claim NAME or NAMESPACE/NAME; owned by the caller. 0; CLI_FOUND, CLI_FAILED after a message.
 */
static int get_claim(struct cli_session *s, const char *word, char ns[64], struct bw_net_claim *ret)
{
	const char *slash = strchr(word, '/');
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_err err = { 0 };
	int r;

	/* Longer namespaces are none of a server's, ignoring. */
	(void)snprintf(ns, 64, "%.*s", slash ? (int)(slash - word) : 63,
		       slash ? word : s->namespace);
	r = cli_session_get(s, &bw_kind_networkclaim, ns, slash ? slash + 1 : word, &text, &err);
	if (r == 0) {
		(void)fprintf(stderr, "barewire: there is no NetworkClaim %s in namespace %s\n",
			      slash ? slash + 1 : word, ns);
		return CLI_FOUND;
	}
	if (r > 0)
		r = bw_net_claim_decode(text.data, text.size, ret, &err);
	return r < 0 ? cli_fail(&err) : 0;
}

int cli_kube_claim(struct cli_session *s)
{
	struct bw_net_claim c = { 0 };
	struct bw_err err = { 0 };
	char ns[64];
	int r;

	if (s->args->n_words) {
		r = get_claim(s, s->args->words[0], ns, &c);
		if (r == 0)
			print_whole(&c);
		bw_net_claim_done(&c);
		return r;
	}
	(void)printf("%-16s  %-24s  %-9s  %-32s  %-16s  %5s  %s\n", "NAMESPACE", "CLAIM", "PHASE",
		     "ADDRESSES", "NODE", "TOKEN", "WAITS FOR");
	r = cli_session_list(s, &bw_kind_networkclaim, s->args->all ? NULL : s->namespace,
			     print_claim, NULL, &err);
	return r < 0 ? cli_fail(&err) : CLI_OK;
}

struct who {
	struct cli_session *s;
	struct bw_ip ip;
	unsigned int n;
};

static void print_holder(struct who *w, const struct bw_net_address *a)
{
	struct bw_net_claim c = { 0 };
	bw_autobuf struct bw_buf text = { 0 };
	char ip[BW_IP_STR_MAX];

	/* as above, ignoring */
	(void)printf("%s in domain %s: %s since %s, pool %s\n", bw_ip_str(&w->ip, ip),
		     a->spec.domain, bw_net_address_state_str(a->spec.state),
		     a->spec.state_since ? a->spec.state_since : "-", a->spec.pool);
	if (!a->spec.has_claim)
		return;
	(void)printf("claim %s/%s (uid %s)\n", a->spec.claim.namespace, a->spec.claim.name,
		     a->spec.claim.uid);
	if (cli_session_get(w->s, &bw_kind_networkclaim, a->spec.claim.namespace,
			    a->spec.claim.name, &text, NULL) != 1 ||
	    bw_net_claim_decode(text.data, text.size, &c, NULL) < 0)
		(void)printf("that claim does not exist (any more)\n");
	else if (strcmp(c.meta.uid, a->spec.claim.uid) != 0)
		(void)printf("a claim of that name exists, with another uid: %s\n", c.meta.uid);
	else
		print_whole(&c);
	bw_net_claim_done(&c);
}

static int find_address(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct bw_net_address a = { 0 };
	struct who *w = arg;
	struct bw_ip ip;
	int r = bw_net_address_decode(text, size, &a, err);

	if (r == 0 && bw_ip_parse(a.spec.address, &ip) == 0 && bw_ip_eq(&ip, &w->ip)) {
		w->n++;
		print_holder(w, &a);
	}
	bw_net_address_done(&a);
	return r;
}

int cli_kube_who(struct cli_session *s)
{
	struct who w = { .s = s };
	struct bw_err err = { 0 };

	if (bw_ip_parse(s->args->words[0], &w.ip) < 0) {
		(void)fprintf(stderr, "barewire: expected an address, got %s\n", s->args->words[0]);
		return CLI_USAGE;
	}
	if (cli_session_list(s, &bw_kind_networkaddress, NULL, find_address, &w, &err) < 0)
		return cli_fail(&err);
	if (w.n)
		return CLI_OK;
	(void)printf("nobody: there is no NetworkAddress of %s\n", s->args->words[0]);
	return CLI_FOUND;
}

/* Refused unless every word of it is meant. NULL = go on. */
static const char *why_not(const struct cli_session *s, const struct bw_net_claim *c)
{
	if (!s->args->token)
		return "--token is missing: the claim's, as barewire claim shows it";
	if (!s->args->confirm)
		return "--confirm-powered-off is missing: an address that is given on while its "
		       "node still sends is on the wire twice";
	if (!s->args->reason || !*s->args->reason)
		return "--reason is missing: who reads the claim later wants to know";
	if (!c->status.has_holder)
		return "nobody holds it";
	if (strtoll(s->args->token, NULL, 10) != c->status.holder.token)
		return "that is not the token it has now: look again";
	return NULL;
}

/* The record, with the resourceVersion that was read: who is quicker wins. */
static int write_release(struct cli_session *s, const char *ns, const struct bw_net_claim *c,
			 struct bw_err *err)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *tree = NULL;
	bw_autofree char *body = NULL;
	struct cJSON *meta = bw_json_put_object(&b, bw_json_build_object(&b), "metadata");
	struct cJSON *notes;
	int r;

	bw_json_put_str(&b, meta, "resourceVersion", c->meta.rv);
	notes = bw_json_put_object(&b, meta, "annotations");
	bw_json_put_str(&b, notes, RELEASE_TOKEN, s->args->token);
	bw_json_put_str(&b, notes, RELEASE_REASON, s->args->reason);
	bw_json_put_str(&b, notes, RELEASED_BY, s->user);
	r = bw_json_build_take(&b, &tree, err);
	if (r == 0)
		r = bw_json_print(tree, 0, &body, err);
	return r < 0 || !body
		       ? r
		       : cli_session_merge(s, &bw_kind_networkclaim, ns, c->meta.name, body, err);
}

int cli_kube_release(struct cli_session *s)
{
	struct bw_net_claim c = { 0 };
	struct bw_err err = { 0 };
	const char *why;
	char ns[64];
	int r = get_claim(s, s->args->words[0], ns, &c);

	why = r == 0 ? why_not(s, &c) : NULL;
	if (why) {
		(void)fprintf(stderr, "barewire: release %s/%s: %s\n", ns, c.meta.name, why);
		r = CLI_USAGE;
	} else if (r == 0) {
		r = write_release(s, ns, &c, &err) < 0 ? cli_fail(&err) : CLI_OK;
		if (r == CLI_OK)
			(void)printf("claim %s/%s: token %s of node %s is given up\n", ns,
				     c.meta.name, s->args->token, c.status.holder.node);
	}
	bw_net_claim_done(&c);
	return r;
}

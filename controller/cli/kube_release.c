/* SPDX-License-Identifier: Apache-2.0 */
/* barewire release: a person says that the node which holds a claim is powered off. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>
#include <gen/k8s.h>

#include "kube_claim.h"
#include "kube_cli.h"

/* As controller/ipam reads it. */
#define RELEASE_TOKEN "net.barewire.dev/release-token"
#define RELEASE_REASON "net.barewire.dev/release-reason"
#define RELEASED_BY "net.barewire.dev/released-by"
#define WHY_MAX 400

/* Refused unless every word of it is meant. Return: 1, 0 and @why. */
static int is_meant(const struct cli_kube_args *args, const struct bw_net_claim *c,
		    char why[WHY_MAX])
{
	const struct bw_net_claim_status_holder *h = &c->status.holder;
	char *end = NULL;
	int64_t token = args->token ? strtoll(args->token, &end, 10) : 0;

	if (!args->token)
		(void)snprintf(why, WHY_MAX,
			       "--token is missing: the claim's, as barewire claim "
			       "shows it"); /* fit, ignoring: here and below */
	else if (!*args->token || *end)
		(void)snprintf(why, WHY_MAX, "--token: expected a number, got \"%.64s\"",
			       args->token);
	else if (!args->confirm)
		(void)snprintf(why, WHY_MAX,
			       "--confirm-powered-off is missing: an address that is given on "
			       "while its node still sends is on the wire twice");
	else if (!args->reason || !*args->reason)
		(void)snprintf(why, WHY_MAX,
			       "--reason is missing: who reads the claim later wants to know");
	else if (!c->status.has_holder)
		(void)snprintf(why, WHY_MAX, "nobody holds it: there is nothing to give up");
	else if (token != h->token)
		(void)snprintf(why, WHY_MAX,
			       "--token %" PRId64 " is not the token it has now, which is %" PRId64
			       ", on node %.200s: look again",
			       token, h->token, h->node);
	return !why[0];
}

/* A node that its kubelet calls Ready is not powered off. Return: 1, 0 and @why. */
static int is_off(struct cli_session *s, const struct bw_net_claim *c, char why[WHY_MAX])
{
	BW_CLEANUP(bw_k_node_done) struct bw_k_node n = { 0 };
	const struct bw_net_claim_status_holder *h = &c->status.holder;
	bw_autobuf struct bw_buf text = { 0 };
	const struct bw_kube_condition *ready;

	if (s->args->although_ready)
		return 1;
	/* Who may not read Nodes has the right to say so nevertheless. */
	if (cli_session_get(s, &bw_kind_node, NULL, h->node, &text, NULL) != 1 ||
	    bw_k_node_decode(text.data, text.size, &n, NULL) < 0 ||
	    strcmp(n.meta.uid, h->node_uid) != 0)
		return 1;
	ready = bw_kube_condition_get(n.status.conditions.items, n.status.conditions.n, "Ready");
	if (!ready || strcmp(ready->status, "True") != 0)
		return 1;
	/* fits, ignoring */
	(void)snprintf(why, WHY_MAX,
		       "node %.200s is Ready: it is not powered off. Delete the pod, and the node "
		       "gives the address back by itself; or --although-ready",
		       h->node);
	return 0;
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
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim c = { 0 };
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_err err = { 0 };
	char why[WHY_MAX] = "";
	char ns[64];
	int r = cli_claim_get(s, s->args->words[0], ns, &text);

	if (r)
		return r;
	if (bw_net_claim_decode(text.data, text.size, &c, &err) < 0)
		return cli_fail(&err);
	if (!is_meant(s->args, &c, why) || !is_off(s, &c, why)) {
		/* Nothing is left to do when stderr is gone, ignoring. */
		(void)fprintf(stderr, "barewire release %s/%s: %s\n", ns, c.meta.name, why);
		return CLI_USAGE;
	}
	if (write_release(s, ns, &c, &err) < 0)
		return cli_fail(&err);
	/* Nobody reads what cannot be printed, ignoring. */
	(void)printf("claim %s/%s: token %s of node %s is given up\n", ns, c.meta.name,
		     s->args->token, c.status.holder.node);
	return CLI_OK;
}

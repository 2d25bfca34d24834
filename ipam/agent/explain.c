/* SPDX-License-Identifier: Apache-2.0 */
/* A claim that is not served, in the words of who has to act on it. */
#include <string.h>

#include <gen/net.h>

#include <bw/err.h>

#include "serve.h"

/* Conditions that say what an unserved claim waits for, the most telling first. */
static const char *const telling[] = { "Bound", "Attached", "Conflict", "DomainMismatch", "Ready" };

static const struct bw_kube_condition *why(const struct bw_net_claim *c)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(telling); i++) {
		const struct bw_kube_condition *k = bw_kube_condition_get(
			c->status.conditions.items, c->status.conditions.n, telling[i]);

		if (k && strcmp(k->status, "True") != 0 && k->message && k->message[0])
			return k;
	}
	return NULL;
}

static void explain(const struct bw_net_claim *c, const char *node, struct agent_verdict *v)
{
	const struct bw_kube_condition *k = why(c);
	const char *ns = c->meta.namespace, *name = c->meta.name;

	/* The answer is what counts, ignoring what these return. */
	if (k)
		(void)bw_reject(&v->err, BW_ERR_BUSY, EAGAIN, "claim %.63s/%.100s is %s: %.250s",
				ns, name, bw_net_claim_status_phase_str(c->status.phase),
				k->message);
	else if (!c->status.has_holder)
		(void)bw_reject(&v->err, BW_ERR_BUSY, EAGAIN,
				"claim %.63s/%.200s has no holder yet: the controller has not "
				"placed it",
				ns, name);
	else if (strcmp(c->status.holder.node, node) != 0)
		(void)bw_reject(&v->err, BW_ERR_BUSY, EAGAIN,
				"claim %.63s/%.100s is held by node %.100s, which has not given it "
				"back",
				ns, name, c->status.holder.node);
}

void agent_explain(const char *text, size_t size, const char *node, struct agent_verdict *v)
{
	struct bw_net_claim c = { 0 };
	struct bw_err err = { 0 };

	if (bw_net_claim_decode(text, size, &c, &err) < 0)
		(void)bw_reject(&v->err, BW_ERR_BUSY, EAGAIN,
				"claim %s/%.100s cannot be read: %.200s", v->ns, v->name,
				err.msg); /* as above */
	else
		explain(&c, node, v);
	bw_net_claim_done(&c);
}

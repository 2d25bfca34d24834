/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The begin of a term after nobody has led for a while, as far as the store knows: it may be one of
 * a backup, and this leader too new to remember a later epoch. Nodes do, and are listened to first.
 * Once a restore is known they are asked until all have spoken.
 */
#include <errno.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/log.h>

#include "ctl.h"
#include "stamp.h"

#define NS_PER_MS 1000000LL
#define NO_LEADER_S 60 /* a change of leaders takes less, beside two intervals of the epoch */

int ctl_is_listening(const struct ctl_ipam *c)
{
	return ctl_now_ns(c) < c->listen_until_ns;
}

int ctl_listen_weigh(struct ctl_ipam *c, const struct bw_kube_object *o, struct bw_plan *plan)
{
	BW_CLEANUP(bw_net_epoch_done) struct bw_net_epoch e = { 0 };
	int64_t limit_s = 2 * c->opts.epoch_ms / 1000 + NO_LEADER_S;
	struct bw_err bad = { 0 };
	const char *raised = NULL;
	int64_t then_s = 0;
	int64_t ago_s;

	if (o && bw_net_epoch_decode(o->text, o->size, &e, &bad) < 0) {
		bw_plan_event(plan, o, BW_EVENT_WARNING, "EpochInvalid", "%s", bad.msg);
		return -EBADMSG;
	}
	if (c->weighed)
		return 0;
	c->weighed = 1;
	if (!o)
		return 0; /* nothing was ever given */
	raised = bw_kube_annotation(&e.meta, CTL_ANN_RAISED);
	if (raised && ctl_stamp_parse(raised, &then_s) < 0)
		raised = NULL;
	ago_s = ctl_real_s(c) - then_s;
	/* From the future: then one of the clocks is wrong, and the age says nothing. */
	if (raised && ago_s <= limit_s && ago_s >= -limit_s)
		return 0;
	c->listen_until_ns = ctl_now_ns(c) + c->opts.epoch_ms * NS_PER_MS;
	bw_log_debug("nobody has led for a while: nodes are listened to first", "last",
		     raised ? raised : "unknown");
	return 0;
}

void ctl_listen_ask(struct ctl_ipam *c, const struct bw_kube_object *o, struct bw_plan *plan)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_networkepoch,
				     .name = o->name };
	char stamp[CTL_STAMP_MAX];
	struct cJSON *meta;

	if (ctl_now_ns(c) < c->ask_at_ns)
		return;
	c->ask_at_ns = ctl_now_ns(c) + c->opts.epoch_ms * NS_PER_MS;
	meta = bw_json_put_object(&b, bw_json_build_object(&b), "metadata");
	bw_json_put_str(&b, meta, "resourceVersion", o->rv);
	bw_json_put_str(&b, bw_json_put_object(&b, meta, "annotations"), CTL_ANN_ASKED,
			ctl_stamp(ctl_real_s(c), stamp));
	ctl_write(plan, &r, &b, ctl_done_cas, NULL);
}

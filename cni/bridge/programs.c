/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acceleration and checks by eBPF: decided before anything changes, attached last. What the
 * configuration needs the programs for is refused without them; it never fails open.
 */
#include <string.h>

#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/log.h>

#include "add.h"
#include "endpoint.h"

/* What to write instead, by the key that needs the programs. */
static const struct {
	const char *key;
	const char *way_out;
} ways_out[] = {
	{ "antiSpoof", "antiSpoof: false goes on without the checks" },
	{ "macspoofchk", "macspoofchk: false goes on without the check" },
	{ "bandwidth", "leave bandwidth out to go on without limits" },
	{ "accel", "accel: auto or off uses the bridge alone" },
};

static int refuse(const char *key, const char *why, struct bw_err *err)
{
	const char *way_out = "";

	for (size_t i = 0; i < BW_ARRAY_SIZE(ways_out); i++)
		if (strcmp(ways_out[i].key, key) == 0)
			way_out = ways_out[i].way_out;
	return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
			 "%s: needs eBPF programs, and they cannot be attached here: %.200s; %s",
			 key, why, way_out);
}

/* Whether a failure says that programs cannot be attached here at all, now and later. */
static int is_impossible(int r, const struct bw_err *why)
{
	static const int errnums[] = { EOPNOTSUPP, EPERM, EACCES, EROFS, ENOSYS };

	for (size_t i = 0; i < BW_ARRAY_SIZE(errnums); i++)
		if (r == -errnums[i])
			return 1;
	return why->class == BW_ERR_UNSUPPORTED;
}

/* Programs cannot be attached: refused where a key needs them, else the bridge does it alone. */
static int do_without(struct bridge_add *add, const char *why, struct bw_err *err)
{
	const char *key = bridge_conf_needs_programs(&add->ctx->conf);

	if (key)
		return refuse(key, why, err);
	add->programs = 0;
	add->accel = 0;
	bw_log_info("no acceleration", "accel", bridge_accel_str(add->ctx->conf.accel), "why", why);
	return 0;
}

int bridge_programs_decide(struct bridge_add *add, struct bw_err *err)
{
	const struct bridge_conf *conf = &add->ctx->conf;
	const char *slow = bridge_endpoint_why_slow(conf);
	struct bw_dp_caps caps = { .why = "the programs are loaded" };
	struct bw_err why = { 0 };
	int r;

	if (!bridge_conf_wants_programs(conf))
		return 0;
	/* What is pinned was attached before: nothing to find out. */
	r = bw_dp_open(0, &add->dp, &why);
	if (r < 0) {
		r = bw_dp_probe(&caps, &why);
		if (r < 0 || caps.hook == BW_DP_HOOK_NONE)
			return do_without(add, r < 0 ? why.msg : caps.why, err);
	}
	add->programs = 1;
	add->accel = conf->accel != BRIDGE_ACCEL_OFF && !slow;
	if (conf->accel == BRIDGE_ACCEL_AUTO)
		bw_log_info(add->accel ? "accelerated" : "no acceleration", "accel", "auto", "why",
			    slow ? slow : caps.why);
	return 0;
}

/*
 * Loads and pins under the exclusive lock, then starts over with the shared one. What became of the
 * loading is in @ret_open and @why.
 */
static int create_pins(struct bridge_add *add, int *ret_open, struct bw_err *why,
		       struct bw_err *err)
{
	int r;

	r = bridge_lock_take(add->ctx->conf.bridge, BRIDGE_LOCK_EXCLUSIVE, &add->segment.lock, err);
	if (r < 0)
		return r;
	*ret_open = bw_dp_open(1, &add->dp, why);
	bridge_segment_done(&add->segment);
	add->segment = BRIDGE_SEGMENT_NONE;
	return bridge_segment_enter(add->ctx->host, &add->want, &add->segment, err);
}

int bridge_programs_open(struct bridge_add *add, struct bw_err *err)
{
	struct bw_err why = { 0 };
	int open = -ENOENT;
	int r;

	if (!add->programs && add->segment.bpf_vlan)
		return refuse("vlan", "this kernel has no VLAN filtering", err);
	if (!add->programs || add->dp)
		return 0;
	r = create_pins(add, &open, &why, err);
	if (r < 0 || open >= 0)
		return r;
	if (is_impossible(open, &why) && !add->segment.bpf_vlan)
		return do_without(add, why.msg, err);
	if (err)
		*err = why;
	return open;
}

static int undo_endpoint(void *arg, struct bw_err *err)
{
	struct bridge_add *add = arg;

	return bw_dp_endpoint_del(add->host.ifindex, add->host.name, err);
}

int bridge_programs_attach(struct bridge_add *add, struct bw_err *err)
{
	struct bridge_endpoint_from from = { .conf = &add->ctx->conf,
					     .segment = &add->segment,
					     .host = &add->host,
					     .mac = &add->pod.mac,
					     .result = add->own.result,
					     .first_ip = add->own.first_ip,
					     .accel = add->accel,
					     .is_netkit = add->is_netkit };
	struct bw_dp_endpoint ep;
	struct bw_err why = { 0 };
	int r;

	if (!add->programs)
		return 0;
	r = bridge_endpoint_build(&from, &ep, err);
	if (r < 0)
		return r;
	ep.nl = add->ctx->host;
	r = bw_dp_segment_ensure(add->dp, &ep.segment, &why);
	if (r == 0)
		r = bw_dp_endpoint_add(add->dp, &ep, &why);
	if (r < 0 && is_impossible(r, &why) && !add->segment.bpf_vlan)
		return do_without(add, why.msg, err);
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	bw_undo_push(&add->undo, undo_endpoint, add, "detach eBPF programs");
	return 0;
}

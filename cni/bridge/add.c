/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD, as a table of steps. Every effect pushes its inverse; whatever step fails, the list runs and
 * nothing is left but the journal's file and a bridge that others use.
 */
#include <bw/clock.h>
#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/nl.h>

#include "add.h"
#include "teardown.h"
#include "verbs.h"

/* The namespace and its identity, before anything changes. */
static int step_open(struct bridge_add *add, struct bw_err *err)
{
	struct bridge_ctx *ctx = add->ctx;
	int r;

	add->pod.ifname = ctx->req->ifname;
	add->pod.enable_dad = ctx->conf.enable_dad;
	r = bw_pod_open(&add->pod, ctx->req->netns, ctx->conf.announce && ctx->conf.ipam_type, err);
	if (r == 0)
		r = bw_nl_netns_cookie(add->pod.nl, &ctx->att.netns_id, err);
	if (r == 0)
		r = bridge_ctx_host(ctx, err);
	if (r == 0)
		r = bw_boot_id(ctx->att.boot_id, err);
	if (r < 0)
		return r;
	ctx->att.since_s = bw_clock_real_s();
	return 0;
}

static void fill_want(struct bridge_add *add)
{
	const struct bridge_conf *conf = &add->ctx->conf;

	add->want = (struct bridge_segment_want){ .bridge = conf->bridge,
						  .uplink = conf->uplink,
						  .vlan = conf->vlan,
						  .trunk = conf->trunk.n ? conf->trunk.vids : NULL,
						  .mtu = conf->mtu,
						  .promisc = conf->promisc,
						  .move_addresses = conf->move_uplink_addresses,
						  .force_address = conf->force_address };
}

static int step_probe_capabilities(struct bridge_add *add, struct bw_err *err)
{
	int r;

	fill_want(add);
	r = bridge_programs_decide(add, err);
	/* Our own IPAM is undone without a trace, so for it the look under the lock is enough. */
	if (r == 0 && bridge_conf_is_foreign(&add->ctx->conf))
		r = bridge_segment_check(add->ctx->host, &add->want, err);
	return r;
}

static int step_prev_result(struct bridge_add *add, struct bw_err *err)
{
	return bw_own_begin(&add->own, add->ctx->req, err);
}

static int undo_journal(void *arg, struct bw_err *err)
{
	struct bridge_ctx *ctx = arg;

	return bw_ipam_abort(ctx->ipam, ctx->att.container_id, ctx->att.ifname, err);
}

/* The container of @stale is gone: what its kernel side left goes, then its address is free. */
static int finish_stale(const struct bw_attachment *stale, void *arg, struct bw_err *err)
{
	struct bridge_ctx *ctx = arg;

	int r = bridge_reach_del(ctx->host, bw_ipam_journal(ctx->ipam), stale, err);

	return r < 0 ? r : bridge_teardown(ctx->host, stale, err);
}

static int step_journal(struct bridge_add *add, struct bw_err *err)
{
	struct bridge_ctx *ctx = add->ctx;
	int r;

	r = bridge_ctx_journal(ctx, err);
	if (r == 0)
		r = bw_ipam_add(ctx->ipam, &ctx->att, finish_stale, ctx, add->own.result, err);
	if (r < 0)
		return r;
	bw_undo_push(&add->undo, undo_journal, ctx, "remove the attachment from the journal");
	add->want.journal = bw_ipam_node_journal(ctx->ipam);
	return 0;
}

/* A foreign IPAM runs with no lock held. */
static int step_delegate(struct bridge_add *add, struct bw_err *err)
{
	struct bridge_ctx *ctx = add->ctx;

	if (!bridge_conf_is_foreign(&ctx->conf))
		return 0;
	add->foreign = (struct bw_foreign){ .req = ctx->req, .type = ctx->conf.ipam_type };
	return bw_foreign_add(&add->foreign, &add->undo, &add->own, err);
}

static int step_layer3(struct bridge_add *add, struct bw_err *err)
{
	const struct bridge_conf *conf = &add->ctx->conf;
	int r = 0;

	if (conf->ipam_type)
		r = bridge_layer3_complete(conf, &add->own, &add->gateways, err);
	if (r == 0)
		r = bw_own_dns(&add->own, &conf->dns, err);
	if (r == 0)
		r = bridge_mac_choose(add, err);
	add->want.reach = conf->has_reach;
	for (size_t i = add->own.first_ip; i < add->own.result->n_ips && conf->has_reach; i++)
		add->want.reach_v6 |= add->own.result->ips[i].address.ip.family == AF_INET6;
	add->want.gateways = add->gateways.at;
	add->want.n_gateways = add->gateways.n;
	return r;
}

static int undo_segment(void *arg, struct bw_err *err)
{
	struct bridge_add *add = arg;

	return bridge_segment_undo(add->ctx->host, &add->want, &add->segment, err);
}

/* From here on the bridge's shared lock is held. */
static int step_segment(struct bridge_add *add, struct bw_err *err)
{
	int r;

	r = bridge_segment_enter(add->ctx->host, &add->want, &add->segment, err);
	if (r < 0)
		return r;
	bw_undo_push(&add->undo, undo_segment, add, "remove a bridge nobody uses");
	return bridge_programs_open(add, err);
}

/* Asking the segment is a wait: the lock is free meanwhile, our port keeps the bridge. */
static int step_probe_addresses(struct bridge_add *add, struct bw_err *err)
{
	int r;

	if (add->ctx->conf.probe == BW_PROBE_OFF || !bw_own_n_ips(&add->own))
		return 0;
	bridge_segment_done(&add->segment);
	r = bridge_probe_run(add, err);
	if (r < 0)
		return r;
	return bridge_segment_enter(add->ctx->host, &add->want, &add->segment, err);
}

static int step_pod(struct bridge_add *add, struct bw_err *err)
{
	return add->ctx->conf.no_container_if ? 0 : bw_pod_configure(&add->pod, &add->own, err);
}

/* Appends one interface to the result. */
static int put_if(struct bridge_add *add, const char *name, const struct bw_mac *mac, uint32_t mtu,
		  const char *sandbox, struct bw_err *err)
{
	/* the result copies both texts */
	struct bw_cni_if i = { .name = (char *)(uintptr_t)name,
			       .sandbox = (char *)(uintptr_t)sandbox,
			       .mac = *mac,
			       .has_mac = 1,
			       .mtu = mtu };

	return bw_cni_result_add_if(add->own.result, &i, err);
}

/* Interfaces as the reference plugin lists them: bridge, host end, container end, VLAN gateway. */
static int step_result(struct bridge_add *add, struct bw_err *err)
{
	const struct bridge_segment *seg = &add->segment;
	const struct bw_cni_request *req = add->ctx->req;
	int r;

	r = put_if(add, add->ctx->conf.bridge, &seg->mac, seg->bridge_mtu, NULL, err);
	if (r == 0)
		r = put_if(add, add->host.name, &add->host.mac, add->host.mtu, NULL, err);
	if (r == 0)
		r = put_if(add, req->ifname, &add->pod.mac, add->host.mtu, req->netns, err);
	if (r == 0 && seg->gateway && seg->gateway != seg->bridge)
		r = put_if(add, seg->gateway_name, &seg->gateway_mac, seg->bridge_mtu, NULL, err);
	bw_own_bind(&add->own, 2); /* the container end */
	return r;
}

/* Adding becomes Live unless a DEL came meanwhile; then the bridge stays, and the lock is free. */
static int step_live(struct bridge_add *add, struct bw_err *err)
{
	struct bridge_ctx *ctx = add->ctx;
	int r = bw_ipam_update_live(ctx->ipam, &ctx->att, err);

	if (r == 0)
		r = bridge_segment_commit(ctx->host, &add->want, &add->segment, err);
	if (r == 0)
		bridge_segment_done(&add->segment);
	return r;
}

typedef int (*step_fn)(struct bridge_add *add, struct bw_err *err);

static const step_fn steps[] = {
	step_open,
	step_probe_capabilities,
	step_prev_result,
	step_journal,
	step_delegate,
	step_layer3,
	step_segment,
	bridge_port_plug,
	step_probe_addresses,
	bridge_forwarding_set,
	step_pod,
	bridge_reach_add,
	bridge_port_pin,
	bridge_programs_attach,
	bridge_masq_add,
	bridge_dad_wait,
	step_result,
	step_live,
};

/* After a success the process ends: the kernel closes what is open in no system call. */
static void leave_descriptors(struct bridge_add *add)
{
	bw_pod_leave(&add->pod);
	if (add->nft)
		add->nft->fd = -1;
	add->ctx->host->fd = -1;
}

static void add_done(struct bridge_add *add)
{
	bw_undo_run(&add->undo);
	bridge_segment_done(&add->segment);
	bw_dp_close(&add->dp);
	bw_nl_close(&add->nft);
	bw_pod_close(&add->pod);
	bridge_ctx_free(&add->ctx);
}

int bridge_add(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	struct bridge_add add = { .own = { .result = result },
				  .pod = BW_POD_NONE,
				  .segment = BRIDGE_SEGMENT_NONE };
	int r;

	r = bridge_ctx_new(req, 0, &add.ctx, err);
	for (size_t i = 0; i < BW_ARRAY_SIZE(steps) && r == 0; i++)
		r = steps[i](&add, err);
	if (r == 0) {
		bw_undo_commit(&add.undo);
		bridge_announce_run(&add);
		bridge_reach_again(&add);
		leave_descriptors(&add);
	}
	add_done(&add);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire-ipam: the IPAM as a program, for CNI plugins that delegate to one. A delegate sees of
 * the container only CNI_NETNS; the kernel side is its caller's.
 */
#include <bw/agent_sock.h>
#include <bw/cni_plugin.h>
#include <bw/cni_prevresult.h>
#include <bw/cni_result.h>
#include <bw/cni_valid.h>
#include <bw/err.h>
#include <bw/ipam.h>
#include <bw/json.h>
#include <bw/log.h>
#include <bw/netns.h>

#define PROGRAM "barewire-ipam"

/* Everything a verb works with. */
struct session {
	struct bw_ipam_conf *conf;
	struct bw_ipam *ipam;
};

static void session_done(struct session *s)
{
	bw_ipam_close(&s->ipam);
	bw_ipam_conf_free(&s->conf);
}

static int session_open(const struct bw_cni_request *req, int lenient, struct session *ret,
			struct bw_err *err)
{
	int r = bw_ipam_conf_parse_delegate(req, lenient, &ret->conf, err);

	return r < 0 ? r : bw_ipam_open(ret->conf, &ret->ipam, err);
}

/* The namespace must be there, and its cookie tells it from a later one under the same path. */
static int identify(const struct bw_cni_request *req, struct bw_attachment *ret, struct bw_err *err)
{
	bw_autonetns struct bw_netns ns = BW_NETNS_NONE;
	int r = bw_ipam_who(req, PROGRAM, ret, err);

	if (r == 0)
		r = bw_netns_open(req->netns, &ns, err);
	if (r == 0)
		r = bw_netns_cookie(&ns, &ret->netns_id, err);
	if (r == -ENOPROTOOPT) /* an old kernel: path and boot are all there is */
		r = 0;
	return r;
}

static int ipam_add(const struct bw_cni_request *req, struct bw_cni_result *result,
		    struct bw_err *err)
{
	BW_CLEANUP(session_done) struct session s = { 0 };
	bw_autofree struct bw_attachment *who = malloc(sizeof(*who));
	struct bw_err ignored;
	int r;

	if (!who)
		return bw_fail(err, ENOMEM, "add an attachment");
	r = bw_ipam_conf_parse_delegate(req, 0, &s.conf, err);
	if (r == 0)
		r = identify(req, who, err);
	if (r == 0)
		r = bw_ipam_open(s.conf, &s.ipam, err);
	if (r == 0)
		r = bw_ipam_add(s.ipam, who, NULL, NULL, result, err);
	if (r < 0)
		return r;
	r = bw_ipam_live(s.ipam, req->container_id, req->ifname, err);
	if (r < 0)
		/* DEL or GC finds the row, ignoring. */
		(void)bw_ipam_abort(s.ipam, req->container_id, req->ifname, &ignored);
	/* Of a claim: barewire-bridge became the plugin that called, and tells nobody. */
	else if (bw_json_get(bw_json_get(req->conf, "ipam"), "claim"))
		bw_agent_nudge(NULL);
	return r;
}

/* A journal that can never be read again must not keep a container from being deleted. */
static int give_up(int r, struct bw_err *err)
{
	if (r != -EBADMSG && r != -EPROTONOSUPPORT) {
		if (r < 0 && r != -ENOMEM)
			err->class = BW_ERR_BUSY;
		return r < 0 ? r : 0;
	}
	bw_log_error("the journal cannot be used, ignoring", "err", err->msg, "remedy",
		     err->details);
	return 0;
}

static int ipam_del(const struct bw_cni_request *req, struct bw_cni_result *result,
		    struct bw_err *err)
{
	BW_CLEANUP(session_done) struct session s = { 0 };
	bw_autofree struct bw_attachment *row = calloc(1, sizeof(*row));
	int r;

	(void)result;
	if (!row)
		return bw_fail(err, ENOMEM, "delete an attachment");
	r = session_open(req, 1, &s, err);
	if (r == 0)
		r = bw_ipam_del_begin(s.ipam, req->container_id, req->ifname, row, err);
	if (r > 0)
		r = bw_ipam_del_finish(s.ipam, req->container_id, req->ifname, err);
	if (r >= 0 && row->claim_uid[0])
		bw_agent_nudge(NULL);
	return give_up(r, err);
}

static void result_done(struct bw_cni_result *r)
{
	bw_cni_result_done(r);
}

static int ipam_check(const struct bw_cni_request *req, struct bw_cni_result *result,
		      struct bw_err *err)
{
	BW_CLEANUP(session_done) struct session s = { 0 };
	BW_CLEANUP(result_done) struct bw_cni_result prev = { 0 };
	int r = bw_cni_prevresult_need(req, &prev, err);

	(void)result;
	if (r == 0)
		r = session_open(req, 0, &s, err);
	return r < 0 ? r : bw_ipam_check(s.ipam, req->container_id, req->ifname, &prev, err);
}

static int ipam_gc(const struct bw_cni_request *req, struct bw_cni_result *result,
		   struct bw_err *err)
{
	BW_CLEANUP(session_done) struct session s = { 0 };
	BW_CLEANUP(bw_cni_valid_done) struct bw_cni_valid valid = { 0 };
	int r = bw_cni_valid_parse(req, &valid, err);

	(void)result;
	if (r == 0)
		r = session_open(req, 1, &s, err);
	return r < 0 ? r : bw_ipam_gc(s.ipam, &valid, NULL, NULL, NULL, err);
}

static int ipam_status(const struct bw_cni_request *req, struct bw_cni_result *result,
		       struct bw_err *err)
{
	BW_CLEANUP(session_done) struct session s = { 0 };
	int r = session_open(req, 0, &s, err);

	(void)result;
	return r < 0 ? r : bw_ipam_status(s.ipam, err);
}

static const char *const args_known[] = { "IP", "MAC", "GATEWAY", NULL };

static const struct bw_cni_plugin plugin = {
	.name = PROGRAM,
	.about = "gives out addresses of pools to CNI plugins that delegate to it",
	.verbs = {
		[BW_CNI_ADD] = ipam_add,
		[BW_CNI_DEL] = ipam_del,
		[BW_CNI_CHECK] = ipam_check,
		[BW_CNI_GC] = ipam_gc,
		[BW_CNI_STATUS] = ipam_status,
	},
	.args_known = args_known,
};

int main(int argc, char **argv)
{
	return bw_cni_plugin_main(&plugin, argc, argv);
}

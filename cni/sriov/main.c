/* SPDX-License-Identifier: Apache-2.0 */
/* barewire-sriov: its table of verbs. */
#include <bw/agent_sock.h>
#include <bw/cni_plugin.h>
#include <bw/json.h>

#include "ctx.h"
#include "verbs.h"

static const char *const args_known[] = { "IP", "GATEWAY", "MAC", NULL };

/* Of a claim: the daemon has something to acknowledge. */
static int add(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	int r = sriov_add(req, result, err);

	if (r == 0 && bw_json_get(bw_json_get(req->conf, "ipam"), "claim"))
		bw_agent_nudge(NULL);
	return r;
}

/* Whether it was a claim's only the row knew. */
static int del(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	int r = sriov_del(req, result, err);

	if (r == 0)
		bw_agent_nudge(NULL);
	return r;
}

static const struct bw_cni_plugin plugin = {
	.name = SRIOV_PROGRAM,
	.about = "CNI plugin that gives containers a virtual function of an SR-IOV card",
	.verbs = {
		[BW_CNI_ADD] = add,
		[BW_CNI_DEL] = del,
		[BW_CNI_CHECK] = sriov_check,
		[BW_CNI_GC] = sriov_gc,
		[BW_CNI_STATUS] = sriov_status,
	},
	.args_known = args_known,
};

int main(int argc, char **argv)
{
	return bw_cni_plugin_main(&plugin, argc, argv);
}

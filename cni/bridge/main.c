/* SPDX-License-Identifier: Apache-2.0 */
/* barewire-bridge: its table of verbs. */
#include <bw/cni_plugin.h>

#include "ctx.h"
#include "verbs.h"

static const char *const args_known[] = { "IP", "GATEWAY", "MAC", NULL };

static const struct bw_cni_plugin plugin = {
	.name = BRIDGE_PROGRAM,
	.about = "CNI plugin that attaches containers to a bridge, accelerated by eBPF",
	.verbs = {
		[BW_CNI_ADD] = bridge_claim_add,
		[BW_CNI_DEL] = bridge_claim_del,
		[BW_CNI_CHECK] = bridge_claim_check,
		[BW_CNI_GC] = bridge_claim_gc,
		[BW_CNI_STATUS] = bridge_claim_status,
	},
	.args_known = args_known,
};

int main(int argc, char **argv)
{
	return bw_cni_plugin_main(&plugin, argc, argv);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* barewire-sriov: its table of verbs. */
#include <bw/cni_plugin.h>

#include "ctx.h"
#include "verbs.h"

static const char *const args_known[] = { "IP", "GATEWAY", "MAC", NULL };

static const struct bw_cni_plugin plugin = {
	.name = SRIOV_PROGRAM,
	.about = "CNI plugin that gives containers a virtual function of an SR-IOV card",
	.verbs = {
		[BW_CNI_ADD] = sriov_add,
		[BW_CNI_DEL] = sriov_del,
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

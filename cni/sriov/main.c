/* SPDX-License-Identifier: Apache-2.0 */
/* barewire-sriov: its table of verbs. */
#include <malloc.h>

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

#define HEAP_STEP (1 << 20) /* bytes: one growth of the heap serves a whole verb */

int main(int argc, char **argv)
{
	(void)mallopt(M_TOP_PAD, HEAP_STEP); /* only saves system calls, ignoring */
	(void)mallopt(M_TRIM_THRESHOLD, 2 * HEAP_STEP); /* likewise */
	return bw_cni_plugin_main(&plugin, argc, argv);
}

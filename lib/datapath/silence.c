/* SPDX-License-Identifier: Apache-2.0 */
/* Silencing a device that has none of our programs: a filter on each side that drops everything. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>

#include <bpf/bpf.h>

#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/netns.h>

#include "clsact.h"

static const char *const names[DP_SIDE_MAX_] = {
	[DP_SIDE_IN] = "bw_silence_in",
	[DP_SIDE_OUT] = "bw_silence_out",
};

/* r0 = TC_ACT_SHOT; exit */
static int load_drop(struct bw_err *err)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bw_silence", "GPL", insns,
			       BW_ARRAY_SIZE(insns), NULL);

	return fd >= 0 ? fd : bw_fail(err, errno, "load a BPF program");
}

static int set(int ifindex, int prog_fd, struct bw_err *err)
{
	int r = 0;

	for (int side = 0; side < DP_SIDE_MAX_ && r == 0; side++)
		r = prog_fd >= 0 ? dp_clsact_replace(ifindex, (enum dp_side)side, prog_fd,
						     names[side], err)
				 : dp_clsact_detach(ifindex, (enum dp_side)side, names[side], err);
	return r;
}

int bw_dp_silence(const struct bw_netns *ns, const char *ifname, int on, struct bw_err *err)
{
	bw_autoclose int prog = -1;
	unsigned int ifindex;
	int r, back;

	if (on) {
		prog = load_drop(err);
		if (prog < 0)
			return prog;
	}
	r = bw_netns_enter(ns, err);
	if (r < 0)
		return r;
	ifindex = if_nametoindex(ifname);
	r = ifindex ? set((int)ifindex, prog, err)
		    : bw_fail(err, ENODEV, "find device %s in the pod", ifname);
	back = bw_netns_leave(ns, r < 0 ? NULL : err);
	return r < 0 ? r : back;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* clsact and cls_bpf in direct action, for kernels before tcx (Linux 6.6). */
#include <arpa/inet.h>
#include <assert.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>

#include <bpf/bpf.h>

#include <bw/err.h>
#include <bw/netns.h>
#include <bw/nl.h>

#include "clsact.h"

/* Ours by convention: other agents take priority 1 (reference: cilium, calico). */
#define DP_TC_PRIO 0xb2
#define DP_TC_HANDLE 0xb201
#define DP_TC_SHADOW 0xb202
#define DP_TC_NAME_SIZE 32
#define DP_LO 1 /* ifindex of lo in every network namespace */

static const uint32_t parents[] = {
	[DP_SIDE_IN] = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
	[DP_SIDE_OUT] = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
};
static_assert(BW_ARRAY_SIZE(parents) == DP_SIDE_MAX_, "a parent per side");

struct filter {
	uint32_t prog_id;
	char name[DP_TC_NAME_SIZE];
	int found;
};

static struct tcmsg filter_head(int ifindex, enum dp_side side, uint32_t handle)
{
	return (struct tcmsg){
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_parent = parents[side],
		.tcm_handle = handle,
		.tcm_info = TC_H_MAKE(DP_TC_PRIO << 16, htons(ETH_P_ALL)),
	};
}

static int on_filter(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	const struct nlattr *tb[TCA_MAX + 1];
	const struct nlattr *opt[TCA_BPF_MAX + 1];
	struct filter *f = arg;

	(void)err; /* a malformed answer reads as "no filter" */
	bw_nl_attrs(nlh, sizeof(struct tcmsg), tb, TCA_MAX);
	f->found = 1;
	if (!bw_nl_str_eq(tb[TCA_KIND], "bpf"))
		return 0;
	bw_nl_attrs_nested(tb[TCA_OPTIONS], 0, opt, TCA_BPF_MAX);
	f->prog_id = bw_nl_u32(opt[TCA_BPF_ID], 0);
	bw_nl_str(opt[TCA_BPF_NAME], f->name, sizeof(f->name));
	return 0;
}

/* EINVAL: there is no clsact qdisc (net/sched/cls_api.c, "Parent Qdisc doesn't exists"). */
static int get_filter(struct bw_nl *nl, int ifindex, enum dp_side side, struct filter *ret,
		      struct bw_err *err)
{
	const struct tcmsg head = filter_head(ifindex, side, DP_TC_HANDLE);
	struct bw_nl_batch *b = bw_nl_begin(nl);

	*ret = (struct filter){ 0 };
	bw_nl_msg(b, RTM_GETTFILTER, 0, &head, sizeof(head), "read the filter of device %d",
		  ifindex);
	bw_nl_put_str(b, TCA_KIND, "bpf");
	bw_nl_on_reply(b, on_filter, ret);
	bw_nl_tolerate(b, ENOENT);
	bw_nl_tolerate(b, EINVAL);
	bw_nl_tolerate(b, ENODEV);
	return bw_nl_talk(nl, b, err);
}

static void put_qdisc(struct bw_nl_batch *b, int ifindex)
{
	const struct tcmsg qdisc = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
		.tcm_parent = TC_H_CLSACT,
	};

	bw_nl_msg(b, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &qdisc, sizeof(qdisc),
		  "add clsact to device %d", ifindex);
	bw_nl_put_str(b, TCA_KIND, "clsact");
	bw_nl_tolerate(b, EEXIST);
}

/* @flags: NLM_F_EXCL where nothing may be replaced. */
static void put_filter_at(struct bw_nl_batch *b, const struct tcmsg *head, uint16_t flags,
			  int prog_fd, const char *name)
{
	uint32_t nest;

	bw_nl_msg(b, RTM_NEWTFILTER, (uint16_t)(NLM_F_CREATE | NLM_F_ACK | flags), head,
		  sizeof(*head), "attach %s to device %d", name, head->tcm_ifindex);
	bw_nl_put_str(b, TCA_KIND, "bpf");
	nest = bw_nl_nest(b, TCA_OPTIONS);
	bw_nl_put_u32(b, TCA_BPF_FD, (uint32_t)prog_fd);
	bw_nl_put_str(b, TCA_BPF_NAME, name);
	bw_nl_put_u32(b, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	bw_nl_nest_end(b, nest);
}

static void put_filter(struct bw_nl_batch *b, int ifindex, enum dp_side side, uint16_t flags,
		       int prog_fd, const char *name)
{
	const struct tcmsg head = filter_head(ifindex, side, DP_TC_HANDLE);

	put_filter_at(b, &head, flags, prog_fd, name);
}

/* ENOENT: the qdisc's or the filter's kind is unknown (net/sched/sch_api.c, cls_api.c). */
static int lacking(int r, struct bw_err *err)
{
	if (r != -ENOENT && r != -EOPNOTSUPP)
		return r;
	if (err)
		err->class = BW_ERR_UNSUPPORTED;
	return -EOPNOTSUPP;
}

int dp_clsact_add(struct bw_nl *nl, int ifindex, const int progs[DP_SIDE_MAX_],
		  const char *const names[DP_SIDE_MAX_], struct bw_err *err)
{
	bw_autonl struct bw_nl *own = NULL;
	struct bw_nl_batch *b;
	int r = nl ? 0 : bw_nl_open(BW_NL_ROUTE, NULL, &own, err);

	if (r)
		return r;
	nl = nl ? nl : own;
	b = &nl->once; /* the caller's own batch may be half built */
	bw_nl_batch_init(b);
	put_qdisc(b, ifindex);
	for (int side = 0; side < DP_SIDE_MAX_; side++)
		if (names[side])
			put_filter(b, ifindex, (enum dp_side)side, NLM_F_EXCL, progs[side],
				   names[side]);
	return lacking(bw_nl_talk(nl, b, err), err);
}

int dp_clsact_replace(int ifindex, enum dp_side side, int prog_fd, const char *name,
		      struct bw_err *err)
{
	bw_autonl struct bw_nl *nl = NULL;
	struct bw_nl_batch *b;
	struct filter f = { 0 };
	int r = bw_nl_open(BW_NL_ROUTE, NULL, &nl, err);

	if (r)
		return r;
	r = get_filter(nl, ifindex, side, &f, err);
	if (r)
		return r;
	if (f.found && strcmp(f.name, name))
		return bw_reject(
			err, BW_ERR_UNSUPPORTED, EBUSY,
			"priority %d of clsact at device %d holds another program's filter",
			DP_TC_PRIO, ifindex);
	b = bw_nl_begin(nl);
	put_qdisc(b, ifindex);
	put_filter(b, ifindex, side, 0, prog_fd, name);
	return lacking(bw_nl_talk(nl, b, err), err);
}

int dp_clsact_shadow(int ifindex, int prog_fd, const char *name, struct bw_err *err)
{
	const struct tcmsg head = filter_head(ifindex, DP_SIDE_OUT, DP_TC_SHADOW);
	bw_autonl struct bw_nl *nl = NULL;
	struct bw_nl_batch *b;
	int r = bw_nl_open(BW_NL_ROUTE, NULL, &nl, err);

	if (r)
		return r;
	b = bw_nl_begin(nl);
	put_qdisc(b, ifindex);
	put_filter_at(b, &head, 0, prog_fd, name);
	return lacking(bw_nl_talk(nl, b, err), err);
}

/* EINVAL: there is no clsact qdisc. */
int dp_clsact_unshadow(int ifindex, struct bw_err *err)
{
	const struct tcmsg head = filter_head(ifindex, DP_SIDE_OUT, DP_TC_SHADOW);
	bw_autonl struct bw_nl *nl = NULL;
	struct bw_nl_batch *b;
	int r = bw_nl_open(BW_NL_ROUTE, NULL, &nl, err);

	if (r)
		return r;
	b = bw_nl_begin(nl);
	bw_nl_msg(b, RTM_DELTFILTER, NLM_F_ACK, &head, sizeof(head),
		  "detach a filter from device %d", ifindex);
	bw_nl_put_str(b, TCA_KIND, "bpf");
	bw_nl_tolerate(b, ENOENT);
	bw_nl_tolerate(b, EINVAL);
	bw_nl_tolerate(b, ENODEV);
	return bw_nl_talk(nl, b, err);
}

int dp_clsact_detach(int ifindex, enum dp_side side, const char *name, struct bw_err *err)
{
	const struct tcmsg head = filter_head(ifindex, side, DP_TC_HANDLE);
	bw_autonl struct bw_nl *nl = NULL;
	struct bw_nl_batch *b;
	struct filter f = { 0 };
	int r = bw_nl_open(BW_NL_ROUTE, NULL, &nl, err);

	if (!r)
		r = get_filter(nl, ifindex, side, &f, err);
	if (r || !f.found || strcmp(f.name, name))
		return r;
	b = bw_nl_begin(nl);
	bw_nl_msg(b, RTM_DELTFILTER, NLM_F_ACK, &head, sizeof(head), "detach %s from device %d",
		  name, ifindex);
	bw_nl_put_str(b, TCA_KIND, "bpf");
	bw_nl_tolerate(b, ENOENT);
	bw_nl_tolerate(b, ENODEV);
	return bw_nl_talk(nl, b, err);
}

int dp_clsact_get(int ifindex, enum dp_side side, const char *name, uint32_t *ret_prog_id,
		  struct bw_err *err)
{
	bw_autonl struct bw_nl *nl = NULL;
	struct filter f = { 0 };
	int r = bw_nl_open(BW_NL_ROUTE, NULL, &nl, err);

	if (!r)
		r = get_filter(nl, ifindex, side, &f, err);
	if (!r)
		*ret_prog_id = f.found && !strcmp(f.name, name) ? f.prog_id : 0;
	return r;
}

/* r0 = TC_ACT_UNSPEC; exit */
static int load_empty(struct bw_err *err)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bw_try", "GPL", insns,
			       BW_ARRAY_SIZE(insns), NULL);

	return fd >= 0 ? fd : bw_fail(err, errno, "load a BPF program");
}

static void back_to(struct bw_netns *home)
{
	if (home->fd >= 0)
		(void)setns(home->fd, CLONE_NEWNET); /* where we came from, ignoring */
	bw_netns_close(home);
}

int dp_clsact_try(struct bw_err *err)
{
	BW_CLEANUP(back_to) struct bw_netns home = BW_NETNS_NONE;
	bw_autonl struct bw_nl *nl = NULL;
	bw_autoclose int prog = -1;
	struct bw_nl_batch *b;
	int r = bw_netns_open("/proc/thread-self/ns/net", &home, err);

	if (r)
		return r;
	prog = load_empty(err);
	if (prog < 0)
		return prog;
	if (unshare(CLONE_NEWNET))
		return bw_fail(err, errno, "make a network namespace");
	r = bw_nl_open(BW_NL_ROUTE, NULL, &nl, err);
	if (r)
		return r;
	b = bw_nl_begin(nl);
	put_qdisc(b, DP_LO);
	put_filter(b, DP_LO, DP_SIDE_IN, NLM_F_EXCL, prog, "bw_try");
	return bw_nl_talk(nl, b, err);
}

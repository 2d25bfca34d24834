/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of a clsact qdisc: our own priority and handle, told from others' by their name. */
#pragma once

#include "dir.h"

struct bw_nl;

/**
 * dp_clsact_add() - put both programs at a device that has none of ours, in one message
 * @nl: open route socket, borrowed; NULL = one of its own
 * @progs: by enum dp_side
 * @names: by enum dp_side; what tells our filters from others'; NULL = nothing on that side
 *
 * Return: 0; -EEXIST a filter has our place, ours or not, nothing is replaced; -EOPNOTSUPP class
 * UNSUPPORTED: the kernel lacks clsact or cls_bpf; -errno.
 */
int dp_clsact_add(struct bw_nl *nl, int ifindex, const int progs[DP_SIDE_MAX_],
		  const char *const names[DP_SIDE_MAX_], struct bw_err *err);

/* Puts a program there, in place of ours or as a new filter. 0; -EBUSY somebody else's; -errno. */
int dp_clsact_replace(int ifindex, enum dp_side side, int prog_fd, const char *name,
		      struct bw_err *err);

/*
 * A second filter of ours at the egress, behind the first or the link: while an upgrade lasts. It
 * is put in place of an earlier one; taking away one that is not there is no failure. 0; -errno.
 */
int dp_clsact_shadow(int ifindex, int prog_fd, const char *name, struct bw_err *err);
int dp_clsact_unshadow(int ifindex, struct bw_err *err);

/* Takes the filter away if it is ours. The qdisc stays. 0 also when there is none; -errno. */
int dp_clsact_detach(int ifindex, enum dp_side side, const char *name, struct bw_err *err);

/* The program of our filter, 0 = none. 0; -errno. */
int dp_clsact_get(int ifindex, enum dp_side side, const char *name, uint32_t *ret_prog_id,
		  struct bw_err *err);

/* Whether this kernel has clsact with BPF: tries it in a network namespace of its own. 0; -errno.
 */
int dp_clsact_try(struct bw_err *err);

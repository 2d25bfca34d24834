/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From filters to links. An ADD attaches by clsact because that is immediate; a tcx link is a
 * little faster for each frame (1 % of a round trip on the same node) and nobody can take it away.
 */
#include <string.h>

#include <bpf/bpf.h>

#include <bw/err.h>

#include "lock.h"
#include "port.h"
#include "upgrade.h"

struct promote {
	uint32_t slots[BW_SLOTS_MAX]; /* endpoints to look at */
	unsigned int n;
};

static int note(const struct dp_found *found, void *arg, struct bw_err *err)
{
	struct promote *p = arg;

	(void)err; /* nothing can fail */
	if (found->port.kind == DP_PORT_ENDPOINT && found->port.hook != BW_DP_HOOK_NETKIT &&
	    p->n < BW_SLOTS_MAX)
		p->slots[p->n++] = found->slot;
	return 0;
}

/* What a killed promotion left: a filter beside the links. */
static int drop_filters(struct dp_dir *dir, struct dp_port port, struct bw_err *err)
{
	int r;

	port.hook = BW_DP_HOOK_CLSACT;
	r = dp_detach(dir, &port, DP_SIDE_IN, 0, err);
	return r ? r : dp_detach(dir, &port, DP_SIDE_OUT, 0, err);
}

static int promote_one(struct dp_dir *dir, uint32_t slot, unsigned int *ret_n, struct bw_err *err)
{
	struct dp_port port;
	int r = dp_map_get(dir, DP_MAP_PORT, &slot, &port, sizeof(port), err);

	if (r <= 0 || !dp_port_is_present(&port))
		return r < 0 ? r : 0;
	if (port.hook == BW_DP_HOOK_CLSACT) {
		port.hook = BW_DP_HOOK_TCX;
		/* Links of a killed promotion are as good as new ones, but who knows their program.
		 */
		r = dp_detach(dir, &port, DP_SIDE_IN, 1, err);
		if (!r)
			r = dp_detach(dir, &port, DP_SIDE_OUT, 1, err);
		if (!r)
			r = dp_attach(dir, &port, NULL, err);
		if (!r)
			r = dp_map_put(dir, DP_MAP_PORT, &slot, &port, sizeof(port), BPF_EXIST,
				       err);
		*ret_n += !r;
		if (r)
			return r;
	}
	return drop_filters(dir, port, err);
}

int dp_promote(int lock, unsigned int *ret_n, struct bw_err *err)
{
	bw_autofree struct promote *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return bw_fail(err, ENOMEM, "give endpoints their links");
	for (unsigned int i = 0; i <= p->n && !r; i++) {
		dp_autodir struct dp_dir dir;

		dp_dir_init(&dir, bw_dp_abi());
		r = dp_lock_take(lock, LOCK_EX, err);
		if (!r)
			r = i ? promote_one(&dir, p->slots[i - 1], ret_n, err)
			      : dp_port_each(&dir, note, p, err);
		dp_lock_give(lock);
	}
	return r;
}

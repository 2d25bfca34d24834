/* SPDX-License-Identifier: Apache-2.0 */
/* One question for every hook: attach, detach, what is attached. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <bw/err.h>

#include "attach.h"
#include "clsact.h"

/* linux/bpf.h of 6.6 and 6.7, enum bpf_attach_type; Debian 12's header ends before. */
#define DP_TCX_INGRESS 46
#define DP_TCX_EGRESS 47
#define DP_NETKIT_PEER 55

/* linux/bpf.h, struct bpf_link_info with its members tcx and netkit. */
struct link_info {
	uint32_t type;
	uint32_t id;
	uint32_t prog_id;
	uint32_t pad;
	uint32_t ifindex;
	uint32_t attach_type;
	uint32_t room[10];
};

/*
 * netkit's programs run when a device sends, with the other end as the frame's device: those of the
 * peer, which is the pod's end, see ours. Those of the primary would see the pod's, whose index
 * says nothing outside of the pod, and come after what sent the frame was scrubbed off: what goes
 * to the pod is met at the egress of our end, as with veth.
 */
static const int attach_types[BW_DP_HOOK_MAX_][DP_SIDE_MAX_] = {
	[BW_DP_HOOK_TCX] = { DP_TCX_INGRESS, DP_TCX_EGRESS },
	[BW_DP_HOOK_NETKIT] = { DP_NETKIT_PEER, DP_TCX_EGRESS },
};

static const char *const side_texts[] = {
	[DP_SIDE_IN] = "ingress",
	[DP_SIDE_OUT] = "egress",
};
static_assert(BW_ARRAY_SIZE(side_texts) == DP_SIDE_MAX_, "a text per side");

static int is_link(const struct dp_port *port)
{
	return port->hook != BW_DP_HOOK_CLSACT;
}

static void link_path(const char *dir, const struct dp_port *port, enum dp_side side,
		      char ret[DP_PATH_MAX])
{
	char pin[DP_PORT_NAME_SIZE + 8];

	dp_link_pin(port->host_if, side, pin);
	dp_dir_path(dir, "links", pin, ret);
}

static int refused(int e, const char *prog, const struct dp_port *port, enum dp_side side,
		   struct bw_err *err)
{
	int unsupported = e == EINVAL || e == EOPNOTSUPP || e == EPERM || e == ENOSYS;

	if (!unsupported)
		return bw_fail(err, e, "attach %s to the %s of %s", prog, side_texts[side],
			       port->host_if);
	return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
			 "attach %s to the %s of %s: the kernel refuses (%s)", prog,
			 side_texts[side], port->host_if, strerror(e));
}

/* No flag and no other link named: we come last, after programs of others. */
static int attach_link(struct dp_dir *dir, const struct dp_port *port, enum dp_side side, int prog,
		       struct bw_err *err)
{
	const char *name = dp_prog_str(dp_prog_of((enum dp_port_kind)port->kind, side));
	bw_autoclose int link = -1;
	char path[DP_PATH_MAX];

	link_path(dir->name, port, side, path);
	link = bpf_link_create(prog, (int)port->ifindex,
			       (enum bpf_attach_type)attach_types[port->hook][side], NULL);
	if (link < 0)
		return refused(errno, name, port, side, err);
	if (bpf_obj_pin(link, path))
		return bw_fail(err, errno, "pin %s", path);
	return 0;
}

static int side_prog(struct dp_dir *dir, const struct dp_port *port, enum dp_side side,
		     struct bw_err *err)
{
	return dp_dir_prog(dir, dp_prog_of((enum dp_port_kind)port->kind, side), err);
}

static const char *side_name(const struct dp_port *port, enum dp_side side)
{
	return dp_prog_str(dp_prog_of((enum dp_port_kind)port->kind, side));
}

int dp_attach(struct dp_dir *dir, const struct dp_port *port, struct bw_nl *nl, struct bw_err *err)
{
	const char *names[DP_SIDE_MAX_];
	int progs[DP_SIDE_MAX_];
	int r = 0;

	for (int side = 0; side < DP_SIDE_MAX_; side++) {
		names[side] = NULL;
		progs[side] = -1;
		if (!dp_port_has_side(port, (enum dp_side)side))
			continue;
		names[side] = side_name(port, (enum dp_side)side);
		progs[side] = side_prog(dir, port, (enum dp_side)side, err);
		if (progs[side] < 0)
			return progs[side];
	}
	if (!is_link(port))
		return dp_clsact_add(nl, (int)port->ifindex, progs, names, err);
	for (int side = 0; side < DP_SIDE_MAX_ && !r; side++)
		r = progs[side] < 0 ? 0
				    : attach_link(dir, port, (enum dp_side)side, progs[side], err);
	return r;
}

int dp_refilter(struct dp_dir *dir, const struct dp_port *port, enum dp_side side,
		struct bw_err *err)
{
	int prog = dp_port_has_side(port, side) ? side_prog(dir, port, side, err) : 0;

	if (!prog)
		return dp_detach(dir, port, side, 0, err); /* a version before attached one */
	return prog < 0 ? prog
			: dp_clsact_replace((int)port->ifindex, side, prog, side_name(port, side),
					    err);
}

static int detach_link(const char *dir, const struct dp_port *port, enum dp_side side, int at_once,
		       struct bw_err *err)
{
	bw_autoclose int link = -1;
	char path[DP_PATH_MAX];

	link_path(dir, port, side, path);
	if (at_once)
		link = bpf_obj_get(path);
	if (link >= 0)
		(void)bpf_link_detach(link); /* its device may be gone, ignoring */
	return unlink(path) && errno != ENOENT ? bw_fail(err, errno, "unlink %s", path) : 0;
}

int dp_detach(struct dp_dir *dir, const struct dp_port *port, enum dp_side side, int at_once,
	      struct bw_err *err)
{
	if (is_link(port))
		return detach_link(dir->name, port, side, at_once, err);
	return dp_clsact_detach((int)port->ifindex, side, dp_prog_str(dp_prog_of(port->kind, side)),
				err);
}

int dp_link_get(const char *dir, const char *pin, struct dp_link *ret, struct bw_err *err)
{
	struct link_info info = { 0 };
	uint32_t size = sizeof(info);
	bw_autoclose int link = -1;
	char path[DP_PATH_MAX];

	dp_dir_path(dir, "links", pin, path);
	link = bpf_obj_get(path);
	if (link < 0)
		return bw_fail(err, errno, "open the pin %s", path);
	if (bpf_obj_get_info_by_fd(link, &info, &size))
		return bw_fail(err, errno, "read the link %s", path);
	*ret = (struct dp_link){ .ifindex = info.ifindex, .prog_id = info.prog_id };
	return 0;
}

/* A link of netkit's peer names the pod's end, whose index is the pod's business; 0 = no device. */
static int is_at(const struct dp_link *link, const struct dp_port *port, enum dp_side side)
{
	if (port->hook == BW_DP_HOOK_NETKIT && side == DP_SIDE_IN)
		return link->ifindex != 0;
	return link->ifindex == port->ifindex;
}

int dp_attached(struct dp_dir *dir, const struct dp_port *port, enum dp_side side,
		uint32_t *ret_prog_id, struct bw_err *err)
{
	char pin[DP_PORT_NAME_SIZE + 8];
	struct dp_link link;
	int r;

	if (!is_link(port))
		return dp_clsact_get((int)port->ifindex, side, side_name(port, side), ret_prog_id,
				     err);
	dp_link_pin(port->host_if, side, pin);
	r = dp_link_get(dir->name, pin, &link, err);
	if (r && r != -ENOENT)
		return r;
	*ret_prog_id = !r && is_at(&link, port, side) ? link.prog_id : 0;
	return 0;
}

int dp_prog_id(int prog_fd, uint32_t *ret_id, struct bw_err *err)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &size))
		return bw_fail(err, errno, "read what a program is");
	*ret_id = info.id;
	return 0;
}

int dp_prog_name(uint32_t id, char ret[16], struct bw_err *err)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	bw_autoclose int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return bw_fail(err, errno, "open program %u", id);
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return bw_fail(err, errno, "read program %u", id);
	(void)snprintf(ret, 16, "%s", info.name);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs at devices: tcx and netkit links, pinned; filters of a clsact qdisc where there is no
 * tcx. We come after programs of others, replace only what is ours and never delete a qdisc.
 */
#pragma once

#include "dir.h"

struct bw_nl;

/* A link as the kernel tells of it. */
struct dp_link {
	uint32_t ifindex; /* 0 = its device is gone */
	uint32_t prog_id;
};

/**
 * dp_attach() - put both programs at a port's device
 * @dir: whose programs, and where links are pinned
 * @port: .host_if, .ifindex, .kind and .hook
 * @nl: open route socket for filters, borrowed; NULL = one of its own
 *
 * Replaces nothing. Return: 0; -EEXIST a link is pinned under the name, or a filter has our place;
 * -EOPNOTSUPP class UNSUPPORTED: the kernel refuses; -errno.
 */
int dp_attach(struct dp_dir *dir, const struct dp_port *port, struct bw_nl *nl, struct bw_err *err);

/* Replaces our filter on one side of a clsact port. 0; -EBUSY; -errno. */
int dp_refilter(struct dp_dir *dir, const struct dp_port *port, enum dp_side side,
		struct bw_err *err);

/**
 * dp_detach() - take our program away
 * @at_once: wait until no frame sees it any more (milliseconds); else the kernel does so later
 *
 * Return: 0 also when there is nothing of ours; -errno.
 */
int dp_detach(struct dp_dir *dir, const struct dp_port *port, enum dp_side side, int at_once,
	      struct bw_err *err);

/**
 * dp_attached() - which program of ours runs there
 * @ret_prog_id: 0 = none
 *
 * Return: 0; -errno.
 */
int dp_attached(struct dp_dir *dir, const struct dp_port *port, enum dp_side side,
		uint32_t *ret_prog_id, struct bw_err *err);

/* What a pinned link is. 0; -ENOENT; -errno. */
int dp_link_get(const char *dir, const char *pin, struct dp_link *ret, struct bw_err *err);

/* A loaded program's id. 0; -errno. */
int dp_prog_id(int prog_fd, uint32_t *ret_id, struct bw_err *err);

/* Name of a loaded program by its id. 0; -ENOENT; -errno. */
int dp_prog_name(uint32_t id, char ret[16], struct bw_err *err);

/* SPDX-License-Identifier: Apache-2.0 */
/* A foreign IPAM plugin as a step of ADD and DEL. */
#pragma once

#include <bw/cni_request.h>

struct bw_err;
struct bw_own;
struct bw_undo;

/* Everything is borrowed. */
struct bw_foreign {
	const struct bw_cni_request *req;
	const char *type; /* of the plugin */
};

/**
 * bw_foreign_add() - run it for ADD
 * @f: must stay where it is until @undo has run or was committed
 * @undo: gets a DEL: a failed plugin is told to forget, unless it was not found
 * @own: its answer is appended
 *
 * No lock may be held. Return: 0; -errno of bw_cni_delegate() or bw_own_append().
 */
int bw_foreign_add(struct bw_foreign *f, struct bw_undo *undo, struct bw_own *own,
		   struct bw_err *err);

/**
 * bw_foreign_del() - run it for DEL
 *
 * Its own failure is passed on. That it cannot be run at all is logged: it must not keep a pod from
 * going. Return: 0; -EREMOTEIO.
 */
int bw_foreign_del(const struct bw_foreign *f, struct bw_err *err);

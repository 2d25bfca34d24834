/* SPDX-License-Identifier: Apache-2.0 */
/* A foreign IPAM plugin as a step of ADD and DEL. */
#include <bw/cni_delegate.h>
#include <bw/cni_result.h>
#include <bw/err.h>
#include <bw/foreign.h>
#include <bw/log.h>
#include <bw/own.h>
#include <bw/undo.h>

static int undo_delegate(void *arg, struct bw_err *err)
{
	const struct bw_foreign *f = arg;

	return bw_cni_delegate(f->req, f->type, BW_CNI_DEL, NULL, err);
}

int bw_foreign_add(struct bw_foreign *f, struct bw_undo *undo, struct bw_own *own,
		   struct bw_err *err)
{
	struct bw_cni_result answer = { 0 };
	int r;

	bw_undo_push(undo, undo_delegate, f, "DEL of the IPAM plugin");
	r = bw_cni_delegate(f->req, f->type, BW_CNI_ADD, &answer, err);
	if (r == 0)
		r = bw_own_append(own, &answer, err);
	bw_cni_result_done(&answer);
	/* One that was not found was not started: there is nothing to forget. */
	if (r == -ENOENT)
		undo->n--;
	return r;
}

int bw_foreign_del(const struct bw_foreign *f, struct bw_err *err)
{
	struct bw_err why = { 0 };
	int r;

	r = bw_cni_delegate(f->req, f->type, BW_CNI_DEL, NULL, &why);
	if (r == -EREMOTEIO) {
		if (err)
			*err = why;
		return r;
	}
	if (r < 0)
		bw_log_warn("the IPAM plugin was not run", "error", why.msg);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The undo list of one verb: last in, first out. */
#include <assert.h>

#include <bw/err.h>
#include <bw/log.h>
#include <bw/undo.h>

void bw_undo_push(struct bw_undo *u, bw_undo_fn fn, void *arg, const char *what)
{
	assert(u && fn && u->n < BW_UNDO_MAX);
	u->entries[u->n++] = (struct bw_undo_entry){ fn, arg, what };
}

void bw_undo_run(struct bw_undo *u)
{
	while (u->n > 0) {
		struct bw_undo_entry e = u->entries[--u->n];
		struct bw_err err = { 0 };

		/* The one log line of library code: nobody above can handle a failed undo. */
		if (e.fn(e.arg, &err) < 0)
			bw_log_warn("undo failed", "what", e.what, "error", err.msg);
	}
}

void bw_undo_commit(struct bw_undo *u)
{
	u->n = 0;
}

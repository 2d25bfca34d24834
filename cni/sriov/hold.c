/* SPDX-License-Identifier: Apache-2.0 */
/* Holding a VF: row and lock. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include <bw/err.h>
#include <bw/flock.h>
#include <bw/io.h>
#include <bw/log.h>
#include <bw/nl.h>

#include "alias.h"
#include "find.h"
#include "hold.h"
#include "plan.h"
#include "restore.h"

#define PATH_LEN_MAX 64
#define RETURN_MS 10000 /* the kernel takes a dead namespace apart from a work queue */

static int open_lock(const char *path, struct bw_err *err)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags, 0600);

	if (fd < 0 && errno == ENOENT) {
		int r = bw_io_mkdir_p(SRIOV_LOCK_DIR, 0755, err);

		if (r < 0)
			return r;
		fd = open(path, flags, 0600);
	}
	return fd < 0 ? bw_fail(err, errno, "open lock %s", path) : fd;
}

int sriov_lock_take(const char *pci, int *ret_fd, struct bw_err *err)
{
	bw_autoclose int fd = -1;
	char path[PATH_LEN_MAX];
	int r;

	/* An address has at most 16 characters, so it fits, ignoring. */
	(void)snprintf(path, sizeof(path), "%s/vf-%.16s.lock", SRIOV_LOCK_DIR, pci);
	fd = open_lock(path, err);
	if (fd < 0)
		return fd;
	r = bw_flock(fd, LOCK_EX, BW_FLOCK_WAIT_MS);
	if (r == -EAGAIN)
		return bw_reject(err, BW_ERR_BUSY, EBUSY,
				 "VF %s is being worked on for more than %d ms (%s)", pci,
				 BW_FLOCK_WAIT_MS, path);
	if (r < 0)
		return bw_fail(err, -r, "lock %s", path);
	*ret_fd = BW_TAKE_FD(fd);
	return 0;
}

int sriov_hold_begin(struct bw_journal *j, struct bw_err *err)
{
	return bw_journal_begin(j, BW_JOURNAL_NORMAL, err);
}

int sriov_hold_end(struct bw_journal *j, int r, struct bw_err *err)
{
	int ended;

	if (r < 0) {
		bw_journal_rollback(j);
		return r;
	}
	ended = bw_journal_commit(j, err);
	return ended < 0 ? ended : r;
}

static void unlock(struct sriov_vf *vf)
{
	bw_autoclose_fn(&vf->lock);
	vf->lock = -1;
}

void sriov_hold_unlock(struct sriov_add *add)
{
	for (unsigned int i = 0; i < add->n_vfs; i++)
		unlock(&add->vfs[i]);
}

/* Takes one lock and looks whether the VF is still ours under it. */
static int lock_again(struct sriov_add *add, struct sriov_vf *vf, struct bw_vf_hold *h,
		      struct bw_err *err)
{
	struct bw_journal *j;
	int r;

	if (vf->lock >= 0)
		return 0;
	r = sriov_lock_take(vf->pci, &vf->lock, err);
	if (r == 0)
		r = sriov_ctx_holds(add->ctx, &j, err);
	if (r == 0)
		r = bw_journal_vf_get(j, vf->pci, h, err);
	if (r < 0)
		return r;
	if (r == 0 || h->id != vf->hold)
		return bw_reject(err, BW_ERR_BUSY, ECANCELED,
				 "%s %s was deleted while it was being added",
				 add->ctx->att.container_id, add->ctx->att.ifname);
	return 0;
}

int sriov_hold_lock(struct sriov_add *add, struct bw_err *err)
{
	bw_autofree struct bw_vf_hold *h = malloc(sizeof(*h));
	unsigned int first = add->n_vfs == 2 && strcmp(add->vfs[0].pci, add->vfs[1].pci) > 0;
	int r = 0;

	if (!h)
		return bw_fail(err, ENOMEM, "hold a VF");
	for (unsigned int i = 0; i < add->n_vfs && r == 0; i++)
		r = lock_again(add, &add->vfs[i ^ first], h, err);
	return r;
}

/* Its boot or its namespace is gone, or it has let go of what it could. */
static int is_dead(const struct bw_vf_hold *h, const char *boot_id)
{
	bw_autofree struct sriov_original *o = calloc(1, sizeof(*o));
	struct bw_err why = { 0 };
	int r;

	if (strcmp(h->boot_id, boot_id) != 0)
		return 1;
	if (o && sriov_original_parse(h->record, o, NULL) == 0 && o->pending)
		return 1;
	r = bw_netns_alive(h->netns, h->netns_id, &why);
	if (r < 0)
		bw_log_debug("cannot tell whether a namespace exists", "error", why.msg);
	return r == 0;
}

static int refuse(const struct bw_vf_hold *h, struct bw_err *err)
{
	int r = bw_reject(err, BW_ERR_BUSY, EBUSY,
			  "VF %s is held by container %.80s %s (network %.80s)", h->pci,
			  h->container_id, h->ifname, h->network);

	bw_err_details(err, "`barewire sriov show %s` tells more; a DEL of that container frees it",
		       h->pci);
	return r;
}

static void fill(const struct sriov_vf *vf, struct bw_vf_hold *h)
{
	const struct bw_attachment *a = &vf->add->ctx->att;

	memset(h, 0, sizeof(*h));
	h->slot = vf->slot;
	h->vf = vf->index;
	h->netns_id = a->netns_id;
	h->since_s = a->since_s;
	h->state = BW_VF_HOLD_INTENT;
	/* The lengths are the same on both sides, ignoring. */
	(void)snprintf(h->pci, sizeof(h->pci), "%.16s", vf->pci);
	(void)snprintf(h->pf, sizeof(h->pf), "%.16s", vf->pf_pci);
	memcpy(h->container_id, a->container_id, sizeof(h->container_id));
	memcpy(h->ifname, a->ifname, sizeof(h->ifname));
	memcpy(h->network, a->network, sizeof(h->network));
	memcpy(h->boot_id, a->boot_id, sizeof(h->boot_id));
	memcpy(h->netns, a->netns, sizeof(h->netns));
}

static int undo_hold(void *arg, struct bw_err *err)
{
	struct sriov_vf *vf = arg;

	unlock(vf);
	return sriov_restore_own(vf, err);
}

/* The VF is ours from here on, whatever state it is in. */
static void own(struct sriov_vf *vf, const struct bw_vf_hold *h)
{
	vf->hold = h->id;
	bw_undo_push(&vf->add->undo, undo_hold, vf, "give the VF back");
}

/* How it is, and what is made of it. */
static int look(struct sriov_vf *vf, struct sriov_found *found, struct bw_err *err)
{
	int r = sriov_find_look(vf->add->ctx, vf->pci, found, &vf->original.was, err);

	return r < 0 ? r : sriov_plan(vf, found, err);
}

/* What was lost with the journal is put back before a VF counts as nobody's. */
static int look_again(struct sriov_vf *vf, struct sriov_found *found, struct bw_err *err)
{
	struct sriov_ctx *ctx = vf->add->ctx;
	int r;

	unlock(vf);
	r = sriov_restore_link(ctx, &found->link, err);
	if (r == 0)
		r = sriov_lock_take(vf->pci, &vf->lock, err);
	return r < 0 ? r : look(vf, found, err);
}

/* Nobody holds it: look under the lock, so that what is seen are originals. */
static int take_free(struct sriov_vf *vf, struct bw_journal *j, struct bw_vf_hold *h,
		     struct bw_vf_hold *holder, struct sriov_found *found, struct bw_err *err)
{
	int r = sriov_lock_take(vf->pci, &vf->lock, err);
	struct sriov_alias alias;

	if (r == 0)
		r = look(vf, found, err);
	if (r == 0 && sriov_alias_parse(found->link.alias, &alias))
		r = look_again(vf, found, err);
	/* While the lock was waited for, its holder may have taken the VF away. */
	if (r < 0 && bw_journal_vf_get(j, vf->pci, holder, NULL) == 1)
		return refuse(holder, err);
	if (r < 0)
		return r;
	fill(vf, h);
	r = sriov_original_text(&vf->original, h->record, err);
	if (r == 0)
		r = sriov_hold_begin(j, err);
	if (r == 0)
		r = sriov_hold_end(j, bw_journal_vf_take(j, h, holder, err), err);
	if (r == -EEXIST)
		return refuse(holder, err);
	if (r == 0)
		own(vf, h);
	return r;
}

/*
 * While some process keeps a dead holder's namespace, its VF is there and speaks: the row stays the
 * holder's, so that its DEL goes on waiting and frees no address meanwhile.
 */
static int await_return(struct sriov_vf *vf, const struct bw_vf_hold *stale,
			struct sriov_found *found, struct bw_err *err)
{
	struct bw_link link;
	int r = sriov_find_look(vf->add->ctx, vf->pci, found, NULL, err);

	if (r < 0 || found->link.ifindex || !sriov_find_makes_netdev(found->pci.dev.driver))
		return r;
	r = bw_link_wait_pci(NULL, vf->pci, RETURN_MS, &link, err);
	if (r == -ETIMEDOUT)
		return bw_reject(
			err, BW_ERR_BUSY, EBUSY,
			"VF %s is still in the network namespace of container %.80s, which "
			"some process keeps",
			vf->pci, stale->container_id);
	return r;
}

/* A record of this boot has the first originals; of another one it describes nothing. */
static int take_over(struct sriov_vf *vf, struct bw_journal *j, struct bw_vf_hold *h,
		     const struct bw_vf_hold *stale, struct sriov_found *found, struct bw_err *err)
{
	bw_autofree struct sriov_original *first = malloc(sizeof(*first));
	int r;

	if (!first)
		return bw_fail(err, ENOMEM, "take VF %s over", vf->pci);
	r = await_return(vf, stale, found, err);
	if (r < 0)
		return r;
	fill(vf, h);
	h->vf = stale->vf; /* nothing was looked at yet */
	memcpy(h->pf, stale->pf, sizeof(h->pf));
	r = sriov_hold_begin(j, err);
	if (r == 0)
		r = sriov_hold_end(j, bw_journal_vf_retake(j, stale->id, h, err), err);
	if (r <= 0)
		return r < 0 ? r : refuse(stale, err); /* another ADD was faster */
	bw_log_info("taking a VF over from a dead holder", "vf", vf->pci, "holder",
		    stale->container_id);
	r = sriov_original_parse(h->record, &vf->original, err);
	own(vf, h);
	if (r == 0 && strcmp(vf->original.boot_id, h->boot_id) == 0) {
		*first = vf->original;
		r = sriov_restore_stale(vf, h, err);
		if (r == 0)
			r = look(vf, found, err);
		first->was.pf.index = vf->original.was.pf.index;
		vf->original.was = first->was;
	} else {
		r = sriov_lock_take(vf->pci, &vf->lock, err);
		if (r == 0)
			r = look(vf, found, err);
	}
	if (r == 0)
		r = sriov_original_text(&vf->original, h->record, err);
	if (r == 0)
		r = sriov_hold_begin(j, err);
	if (r == 0)
		r = sriov_hold_end(j, bw_journal_vf_record(j, h, err), err);
	return r < 0 ? r : 0;
}

int sriov_hold_take(struct sriov_vf *vf, struct sriov_found *found, struct bw_err *err)
{
	bw_autofree struct bw_vf_hold *h = malloc(sizeof(*h));
	bw_autofree struct bw_vf_hold *holder = calloc(1, sizeof(*holder));
	struct bw_journal *j = NULL;
	int r;

	if (!h || !holder)
		return bw_fail(err, ENOMEM, "hold VF %s", vf->pci);
	r = sriov_ctx_holds(vf->add->ctx, &j, err);
	if (r == 0)
		r = bw_journal_vf_get(j, vf->pci, holder, err);
	if (r < 0)
		return r;
	if (r == 0)
		r = take_free(vf, j, h, holder, found, err);
	else if (is_dead(holder, vf->add->ctx->att.boot_id))
		r = take_over(vf, j, h, holder, found, err);
	else
		return refuse(holder, err);
	/* Of two, each would wait for the other's. */
	if (r < 0 || vf->add->n_wanted > 1)
		unlock(vf);
	return r;
}

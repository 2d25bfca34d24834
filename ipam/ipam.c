/* SPDX-License-Identifier: Apache-2.0 */
/* The handle, and the small steps of an attachment's life: Adding, Live, Deleting, gone. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include <bw/clock.h>
#include <bw/err.h>

#include "ipam_priv.h"
#include "journal_db.h"

static unsigned int flags_of(enum bw_cni_verb verb)
{
	return verb == BW_CNI_ADD ? BW_JOURNAL_F_CREATE : 0;
}

/* A file that is not there is an empty journal to every verb but ADD. */
static int open_dir(const struct bw_ipam *ipam, const char *dir, struct bw_journal **ret,
		    struct bw_err *err)
{
	int r = bw_journal_open(dir, ipam->flags, ret, err);

	if (r < 0 && err && ipam->conf->req->verb == BW_CNI_STATUS)
		err->class = BW_ERR_UNAVAILABLE;
	return r == -ENOENT && !(ipam->flags & BW_JOURNAL_F_CREATE) ? 0 : r;
}

static void auto_ipam(struct bw_ipam **ipam)
{
	bw_ipam_close(ipam);
}

int bw_ipam_open(const struct bw_ipam_conf *conf, struct bw_ipam **ret, struct bw_err *err)
{
	BW_CLEANUP(auto_ipam) struct bw_ipam *ipam = calloc(1, sizeof(*ipam));
	struct bw_err why = { 0 };
	int r;

	if (!ipam)
		return bw_fail(err, ENOMEM, "open the journal");
	ipam->conf = conf;
	ipam->flags = flags_of(conf->req->verb);
	r = open_dir(ipam, conf->dir, &ipam->data, &why);
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	*ret = BW_TAKE_PTR(ipam);
	return 0;
}

void bw_ipam_close(struct bw_ipam **ipam)
{
	if (!ipam || !*ipam)
		return;
	bw_journal_close(&(*ipam)->node);
	bw_journal_close(&(*ipam)->data);
	free(*ipam);
	*ipam = NULL;
}

struct bw_journal *bw_ipam_journal(struct bw_ipam *ipam)
{
	return ipam->data;
}

int bw_ipam_node_journal_open(struct bw_ipam *ipam, struct bw_journal **ret, struct bw_err *err)
{
	struct bw_err why = { 0 };
	int r;

	if (strcmp(ipam->conf->dir, BW_JOURNAL_DIR_DEFAULT) == 0) {
		*ret = ipam->data;
		return 0;
	}
	r = ipam->node ? 0 : open_dir(ipam, BW_JOURNAL_DIR_DEFAULT, &ipam->node, &why);
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	*ret = ipam->node;
	return 0;
}

struct bw_journal *bw_ipam_node_journal(struct bw_ipam *ipam)
{
	struct bw_journal *j = NULL;

	return bw_ipam_node_journal_open(ipam, &j, NULL) < 0 ? NULL : j;
}

int64_t ipam_cool_until(const struct bw_ipam *ipam)
{
	uint32_t s = ipam->conf->in.cooldown_s;

	return s ? bw_clock_real_s() + s : 0;
}

const char *ipam_holder_str(const struct bw_attachment *a, char out[IPAM_HOLDER_MAX])
{
	/* cut is fine, ignoring */
	(void)snprintf(out, IPAM_HOLDER_MAX, "container %.80s %s (%s%.120s%snetwork %.80s, %s)",
		       a->container_id, a->ifname, a->pod[0] ? "pod " : "", a->pod,
		       a->pod[0] ? ", " : "", a->network, bw_attach_state_str(a->state));
	return out;
}

static void copy(char *to, size_t size, const char *from)
{
	/* Lengths were checked with the request, ignoring. */
	(void)snprintf(to, size, "%s", from ? from : "");
}

int bw_ipam_who(const struct bw_cni_request *req, const char *program, struct bw_attachment *ret,
		struct bw_err *err)
{
	memset(ret, 0, sizeof(*ret));
	if (req->netns && strlen(req->netns) >= sizeof(ret->netns))
		return bw_reject(err, BW_ERR_ENVIRONMENT, ENAMETOOLONG,
				 "CNI_NETNS: expected a path of at most %zu characters",
				 sizeof(ret->netns) - 1);
	copy(ret->container_id, sizeof(ret->container_id), req->container_id);
	copy(ret->ifname, sizeof(ret->ifname), req->ifname);
	copy(ret->network, sizeof(ret->network), req->name);
	copy(ret->program, sizeof(ret->program), program);
	copy(ret->netns, sizeof(ret->netns), req->netns);
	ipam_pod(req, ret->pod);
	return bw_boot_id(ret->boot_id, err);
}

int bw_ipam_update(struct bw_ipam *ipam, const struct bw_attachment *who, struct bw_err *err)
{
	if (!ipam->data)
		return bw_reject(err, BW_ERR_INTERNAL, ENOENT, "there is no journal in %s",
				 ipam->conf->dir);
	return bw_journal_attach_update(ipam->data, who, err);
}

/* Adding -> Live in the open transaction, or in the statement's own. */
static int go_live(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		   struct bw_err *err)
{
	int r = 0;

	if (ipam->data)
		r = bw_journal_attach_state(ipam->data, container_id, ifname, ipam->add_id,
					    BW_ATTACH_ADDING, BW_ATTACH_LIVE, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return bw_reject(err, BW_ERR_BUSY, ECANCELED,
			 "container %.80s %s was deleted while it was being added", container_id,
			 ifname);
}

int bw_ipam_live(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		 struct bw_err *err)
{
	int own, r;

	if (!ipam->data || !ipam->conf->in.claim.uid)
		return go_live(ipam, container_id, ifname, err);
	own = bw_journal_db_enter(ipam->data, BW_JOURNAL_NORMAL, err);
	if (own < 0)
		return own;
	r = go_live(ipam, container_id, ifname, err);
	if (r == 0)
		r = ipam_claim_live(ipam, NULL, err);
	return bw_journal_db_leave(ipam->data, own, r, err);
}

int bw_ipam_update_live(struct bw_ipam *ipam, const struct bw_attachment *who, struct bw_err *err)
{
	int own = ipam->data ? bw_journal_db_enter(ipam->data, BW_JOURNAL_NORMAL, err) : 0;
	int r;

	if (own < 0)
		return own;
	r = bw_ipam_update(ipam, who, err);
	if (r == 0)
		r = go_live(ipam, who->container_id, who->ifname, err);
	if (r == 0 && ipam->data)
		r = ipam_claim_live(ipam, who, err);
	return ipam->data ? bw_journal_db_leave(ipam->data, own, r, err) : r;
}

/* What DEL cannot write now it can write later: a retry completes. Damage stays damage. */
static int later(int r, struct bw_err *err)
{
	if (r < 0 && r != -EBADMSG && err)
		err->class = BW_ERR_BUSY;
	return r;
}

/* Removes the row @id, or the one (container, ifname) has. */
static int remove_row(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		      int64_t id, int64_t cool_until_s, struct bw_err *err)
{
	bw_autofree struct bw_attachment *a = NULL;
	int aborted = id && id == ipam->add_id;
	int r;

	if (!ipam->data)
		return 0;
	if (!id) {
		a = malloc(sizeof(*a));
		if (!a)
			return bw_fail(err, ENOMEM, "read an attachment");
		r = bw_journal_attach_get(ipam->data, container_id, ifname, a, err);
		if (r <= 0)
			return r;
		id = a->id;
	}
	/* What never came to life gives nothing back: the same token is tried again. */
	if (aborted)
		r = bw_journal_attach_remove(ipam->data, id, cool_until_s, err);
	else
		r = ipam_remove(ipam->data, id, cool_until_s, a ? a->claim_uid : ipam->del_uid,
				a ? a->token : ipam->del_token, err);
	return r < 0 ? r : 0;
}

int bw_ipam_abort(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		  struct bw_err *err)
{
	return remove_row(ipam, container_id, ifname, ipam->add_id, 0, err);
}

int bw_ipam_del_begin(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		      struct bw_attachment *ret, struct bw_err *err)
{
	int r;

	if (!ipam->data)
		return 0;
	/* Most late DELs find nothing: look before taking the write lock. */
	r = bw_journal_attach_get(ipam->data, container_id, ifname, ret, err);
	if (r <= 0)
		return later(r, err);
	ipam->del_id = ret->id;
	copy(ipam->del_uid, sizeof(ipam->del_uid), ret->claim_uid);
	ipam->del_token = ret->token;
	r = bw_journal_attach_state(ipam->data, container_id, ifname, ret->id, BW_ATTACH_MAX_,
				    BW_ATTACH_DELETING, err);
	if (r > 0)
		ret->state = BW_ATTACH_DELETING;
	return later(r, err);
}

int bw_ipam_del_finish(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		       struct bw_err *err)
{
	return later(
		remove_row(ipam, container_id, ifname, ipam->del_id, ipam_cool_until(ipam), err),
		err);
}

/* The folder or its nearest ancestor that exists can be written. */
static int check_place(const char *dir, struct bw_err *err)
{
	char path[BW_JOURNAL_DIR_MAX + 1];
	struct statvfs fs;

	copy(path, sizeof(path), dir);
	while (access(path, F_OK) < 0 && errno == ENOENT) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path) {
			copy(path, sizeof(path), "/");
			break;
		}
		*slash = '\0';
	}
	if (access(path, W_OK | X_OK) < 0)
		return bw_fail(err, errno, "write to %s", path);
	if (statvfs(path, &fs) == 0 && (fs.f_bavail == 0 || (fs.f_files && fs.f_favail == 0)))
		return bw_fail(err, ENOSPC, "write to %s", path);
	return 0;
}

int bw_ipam_status(struct bw_ipam *ipam, struct bw_err *err)
{
	int r = check_place(ipam->conf->dir, err);

	if (r == 0 && ipam->data && access(bw_journal_path(ipam->data), W_OK) < 0)
		r = bw_fail(err, errno, "write to %s", bw_journal_path(ipam->data));
	if (r < 0 && err)
		err->class = BW_ERR_UNAVAILABLE;
	return r;
}

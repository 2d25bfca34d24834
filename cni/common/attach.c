/* SPDX-License-Identifier: Apache-2.0 */
/* An attachment as a request names it, and a journal that does not answer. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <bw/attach.h>
#include <bw/clock.h>
#include <bw/err.h>
#include <bw/log.h>

#define HASH_BITS (4 * BW_ATTACH_HASH_LEN)
#define HOST_NAME_PREFIX "bw"

static_assert(sizeof(HOST_NAME_PREFIX) + BW_ATTACH_HASH_LEN <= BW_CNI_IFNAME_MAX + 1,
	      "no name of an interface");

void bw_attach_hash(const char *container_id, const char *ifname, char out[BW_ATTACH_HASH_LEN + 1])
{
	uint64_t h = bw_fnv64(BW_FNV64_BASIS, container_id, strlen(container_id) + 1);

	h = bw_fnv64(h, ifname, strlen(ifname)) & ((1ULL << HASH_BITS) - 1);
	/* always fits, ignoring */
	(void)snprintf(out, BW_ATTACH_HASH_LEN + 1, "%0*llx", BW_ATTACH_HASH_LEN,
		       (unsigned long long)h);
}

void bw_attach_host_name(const char *container_id, const char *ifname,
			 char out[BW_CNI_IFNAME_MAX + 1])
{
	char hash[BW_ATTACH_HASH_LEN + 1];

	bw_attach_hash(container_id, ifname, hash);
	/* always fits, ignoring */
	(void)snprintf(out, BW_CNI_IFNAME_MAX + 1, HOST_NAME_PREFIX "%s", hash);
}

/* Copies as much as fits: what is cut is for people's eyes, or checked elsewhere. */
static void copy(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text ? text : ""); /* cut is fine, ignoring */
}

void bw_attach_fill(const struct bw_cni_request *req, const char *program,
		    struct bw_attachment *ret)
{
	const char *space = bw_cni_request_arg(req, "K8S_POD_NAMESPACE");
	const char *pod = bw_cni_request_arg(req, "K8S_POD_NAME");

	copy(ret->container_id, sizeof(ret->container_id), req->container_id);
	copy(ret->ifname, sizeof(ret->ifname), req->ifname);
	copy(ret->network, sizeof(ret->network), req->name);
	copy(ret->program, sizeof(ret->program), program);
	copy(ret->netns, sizeof(ret->netns), req->netns);
	if (space && pod) /* cut is fine, ignoring */
		(void)snprintf(ret->pod, sizeof(ret->pod), "%s/%s", space, pod);
}

int bw_attach_is_lost(int r)
{
	return r == -ENOENT || r == -EBADMSG || r == -EPROTONOSUPPORT;
}

int bw_attach_judge(int r, struct bw_err *why, struct bw_err *err)
{
	if (r >= 0)
		return 0;
	if (bw_attach_is_lost(r)) {
		bw_log_warn("deleting without the journal", "error", why->msg);
		return 0;
	}
	why->class = BW_ERR_BUSY;
	if (err)
		*err = *why;
	return r;
}

int bw_attach_judge_status(int r, struct bw_err *why, struct bw_err *err)
{
	if (r == 0 || why->class == BW_ERR_BUSY)
		return 0;
	if (why->class != BW_ERR_FOREIGN && why->class != BW_ERR_LIMITED)
		why->class = BW_ERR_UNAVAILABLE;
	if (err)
		*err = *why;
	return r;
}

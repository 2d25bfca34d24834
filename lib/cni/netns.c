/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CNI_NETNS before anything is done in it: it must exist, be a namespace, and not be our own. All
 * namespace files lie on one nsfs, so two stat(2) tell all three.
 */
#include <sys/stat.h>

#include <bw/cni_request.h>
#include <bw/err.h>
#include <bw/log.h>

#define SELF_NETNS "/proc/self/ns/net"
#define SHOWN_MAX 300 /* characters of the path in a message */

static int check(const char *path, struct bw_err *err)
{
	struct stat self, other;
	int r;

	if (stat(path, &other) < 0) {
		r = bw_reject(err, BW_ERR_NO_CONTAINER, errno,
			      "CNI_NETNS: no network namespace at \"%.*s\"", SHOWN_MAX, path);
		bw_err_details(err, "the container is gone, or the runtime names a wrong path");
		return r;
	}
	if (stat(SELF_NETNS, &self) < 0)
		return bw_fail(err, errno, "look at %s", SELF_NETNS);
	if (self.st_dev != other.st_dev)
		return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL,
				 "CNI_NETNS: expected a network namespace, got the file \"%.*s\"",
				 SHOWN_MAX, path);
	if (self.st_ino == other.st_ino)
		return bw_reject(err, BW_ERR_NETNS, EEXIST,
				 "CNI_NETNS: expected another network namespace than the plugin's "
				 "own, got \"%.*s\"",
				 SHOWN_MAX, path);
	return 0;
}

int bw_cni_request_check_netns(struct bw_cni_request *req, int override, struct bw_err *err)
{
	struct bw_err why = { 0 };
	int r;

	if (!req->netns || override)
		return 0;
	if (req->verb != BW_CNI_DEL)
		return check(req->netns, err);
	r = check(req->netns, &why);
	if (r == -EINVAL || r == -EEXIST || r == -ENAMETOOLONG) {
		bw_log_warn("leave the namespace alone", "error", why.msg);
		req->netns = NULL;
	}
	return 0;
}

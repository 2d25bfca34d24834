/* SPDX-License-Identifier: Apache-2.0 */
/* The pod's namespace and the sockets in it. */
#include <bw/announce.h>
#include <bw/err.h>
#include <bw/nl.h>
#include <bw/pod.h>

/* Sockets in the pod, made in one visit: what announces at the end is one of them. */
static int open_in_pod(struct bw_pod *pod, int announces, struct bw_err *err)
{
	int r, back;

	r = bw_netns_enter(&pod->ns, err);
	if (r < 0)
		return r;
	r = bw_nl_open(BW_NL_ROUTE, NULL, &pod->nl, err);
	if (r == 0 && announces)
		r = bw_announce_open(NULL, &pod->announce_fd, err);
	back = bw_netns_leave(&pod->ns, r < 0 ? NULL : err);
	return r < 0 ? r : back;
}

int bw_pod_open(struct bw_pod *pod, const char *path, int announces, struct bw_err *err)
{
	int r = bw_netns_open(path, &pod->ns, err);

	return r < 0 ? r : open_in_pod(pod, announces, err);
}

void bw_pod_close(struct bw_pod *pod)
{
	bw_autoclose_fn(&pod->announce_fd);
	bw_nl_close(&pod->nl);
	bw_netns_close(&pod->ns);
}

void bw_pod_leave(struct bw_pod *pod)
{
	pod->ns = BW_NETNS_NONE;
	pod->announce_fd = -1;
	if (pod->nl)
		pod->nl->fd = -1;
}

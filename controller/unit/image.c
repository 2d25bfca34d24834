/* SPDX-License-Identifier: Apache-2.0 */
/* Which image we are: pods of Units take barewire-launch from it, unless a flag says another. */
#include <string.h>

#include <bw/err.h>
#include <bw/kube_http.h>
#include <gen/k8s.h>

#include "unit.h"

static int take(const char *image, char **ret, struct bw_err *err)
{
	char *copy = strdup(image);

	if (!copy)
		return bw_fail(err, ENOMEM, "remember the image %s", image);
	*ret = copy;
	return 0;
}

static int read_own(const struct bw_kube_reply *reply, char **ret, struct bw_err *err)
{
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod pod = { 0 };
	int r = bw_k_pod_decode(reply->body, reply->body_size, &pod, err);

	if (r < 0)
		return bw_wrap(err, r, "read our own pod");
	if (pod.spec.containers.n == 0 || !pod.spec.containers.items[0].image)
		return 0;
	return take(pod.spec.containers.items[0].image, ret, err);
}

int ctl_unit_image(struct bw_loop *loop, struct bw_kube_client *client,
		   const struct ctl_unit_self *self, char **ret, struct bw_err *err)
{
	const struct bw_kube_request q = { .verb = BW_KUBE_GET,
					   .kind = &bw_kind_pod,
					   .namespace = self->namespace,
					   .name = self->pod };
	bw_autokubereply struct bw_kube_reply reply = { 0 };
	int r;

	if (self->image && *self->image)
		return take(self->image, ret, err);
	*ret = NULL;
	if (!self->pod || !*self->pod)
		return 0;
	r = bw_kube_do(loop, client, &q, &reply, err);
	if (r < 0)
		return r;
	if (reply.result == BW_KUBE_OK)
		return read_own(&reply, ret, err);
	if (reply.result == BW_KUBE_NOT_FOUND || reply.result == BW_KUBE_FORBIDDEN)
		return 0;
	return bw_wrap(err, bw_kube_reply_err(&reply, err), "read our own pod");
}

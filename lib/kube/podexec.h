/* SPDX-License-Identifier: Apache-2.0 */
/* What v4 and v5.channel.k8s.io say, without a connection. Source: KEP-4006. */
#pragma once

#include <bw/buf.h>
#include <bw/kube_podexec.h>
#include <bw/kube_status.h>

#define KUBE_PODEXEC_STDIN 0
#define KUBE_PODEXEC_STDOUT 1
#define KUBE_PODEXEC_STDERR 2
#define KUBE_PODEXEC_STATUS 3
#define KUBE_PODEXEC_RESIZE 4
#define KUBE_PODEXEC_END 255 /* v5: the channel that the next byte names has ended */

/* Path and query, appended. 0; -EINVAL class INVALID; -ENOMEM. */
int kube_podexec_path(const struct bw_kube_podexec_request *r, struct bw_buf *b,
		      struct bw_err *err);

/* How a command has ended, of channel 3. */
struct kube_podexec_end {
	int exit_code; /* -1 = it did not run to an end */
	struct bw_kube_status status;
};

/*
 * Reads channel 3: a Status without a kind. 0; -EBADMSG it is none.
 * Source: k8s.io/apimachinery, remotecommand: NonZeroExitCode with the cause ExitCode.
 */
int kube_podexec_end(const char *text, size_t size, struct kube_podexec_end *ret);

/* The client over HTTP: its part of struct bw_kube_client_ops. */
struct bw_kube_client;
int kube_http_podexec_start(struct bw_kube_client *c, const struct bw_kube_podexec_request *r,
			    struct bw_kube_podexec *x, struct bw_err *err);
void kube_http_podexec_cancel(struct bw_kube_podexec *x);
/* @end: nothing more comes on that channel. 0; -EAGAIN; -EPIPE; -ENOTSUP; -ENOMEM. */
int kube_http_podexec_put(struct bw_kube_podexec *x, int channel, const void *data, size_t size,
			  int end);

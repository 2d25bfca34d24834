/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to the API server for who speaks something else than HTTP on it: libcurl connects,
 * with the client's credentials, authorities and proxy, and then only carries bytes. Each has a
 * libcurl of its own: a shared one would take an idle connection for one that can go.
 */
#pragma once

#include <bw/list.h>
#include <bw/loop.h>

#include "http.h"

enum kube_dial_state {
	KUBE_DIAL_IDLE,
	KUBE_DIAL_WAITING, /* for credentials */
	KUBE_DIAL_CONNECTING,
	KUBE_DIAL_OPEN,
};

struct kube_dial {
	struct bw_list node; /* of the client's, while it waits */
	struct kube_http *http;
	enum kube_dial_state state;
	/* Each may end the dial. */
	void (*opened)(void *arg);
	void (*failed)(enum bw_kube_result result, const char *why, void *arg);
	void (*ready)(uint32_t events, void *arg);
	void *arg;
	CURLM *multi;
	CURL *easy;
	struct bw_list sockets; /* libcurl's, while it connects */
	struct bw_timer timer; /* libcurl's */
	struct bw_loop_fd watch; /* ours, when it is open */
	struct bw_buf auth; /* the header that says who we are, with its end of line; a secret */
	unsigned int generation; /* of the credentials */
	char problem[BW_ERR_MSG_MAX];
};

/* Before any other use. @http outlives it. */
void kube_dial_init(struct kube_dial *d, struct kube_http *http, void *arg);
/* Connects; one of the functions comes later, never from inside. */
void kube_dial_start(struct kube_dial *d);
/* Closes and forgets; it can be started again. Harmless when idle. */
void kube_dial_end(struct kube_dial *d);

/* What is read, 0 = the end, -EAGAIN, -EIO. */
ssize_t kube_dial_recv(struct kube_dial *d, void *data, size_t size);
/* What was taken, -EAGAIN, -EIO. */
ssize_t kube_dial_send(struct kube_dial *d, const void *data, size_t size);
/* Which events .ready is to hear of. 0; -errno. */
int kube_dial_watch(struct kube_dial *d, uint32_t events);

/* For the client's turn: connects those who wait, or tells them why not. */
void kube_dial_go(struct kube_http *h, const struct kube_cred_view *cred);
void kube_dial_refuse(struct kube_http *h, const char *why);

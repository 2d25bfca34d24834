/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the HTTP client: http.c runs libcurl on the loop, http_call.c is one request. */
#pragma once

#include <assert.h>
#include <curl/curl.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/kube_client.h>
#include <bw/kube_http.h>
#include <bw/list.h>
#include <bw/loop.h>

#include "cred.h"

#define KUBE_AGENT_MAX 128 /* characters of a User-Agent */

static_assert(BW_ERR_MSG_MAX >= CURL_ERROR_SIZE, "libcurl's texts fit");

/* Which limit a call counts against. */
enum kube_lane {
	KUBE_LANE_READ,
	KUBE_LANE_WRITE,
	KUBE_LANE_FREE, /* watches */
	KUBE_LANE_URGENT, /* Leases: also with connections of their own */
	KUBE_LANE_MAX_,
};

/* Handles that share what connections are kept. */
struct kube_multi {
	struct kube_http *http;
	CURLM *m;
	struct bw_timer timer; /* libcurl's own */
};

struct kube_http {
	struct bw_kube_client client;
	struct bw_loop *loop;
	struct bw_kube_http_options o;
	char agent[KUBE_AGENT_MAX + 1];
	struct kube_cred cred;
	int has_cred; /* .cred is initialised */
	int plain; /* http:// */
	char *base; /* URL of the server, with the name that its certificate has */
	char *host; /* of it, with its port, for metrics */
	struct curl_slist *connect_to; /* where that really is; NULL = there */
	struct kube_multi common;
	struct kube_multi urgent; /* a renewal shakes no hands, whatever the others have taken */
	int in_curl; /* inside libcurl: no handle may come or go */
	struct bw_defer pump;
	struct bw_list waiting[KUBE_LANE_MAX_];
	unsigned int n_waiting;
	unsigned int in_flight[KUBE_LANE_MAX_];
	struct bw_list flying;
	struct bw_list ended; /* done before they were sent */
	struct bw_list dead; /* cancelled inside libcurl */
	struct bw_list sockets;
	struct bw_list dials; /* those that wait for credentials: dial.h */
};

/* Which list of its client a transfer is in. */
enum kube_transfer_state {
	KUBE_TRANSFER_WAITING, /* .waiting of its lane */
	KUBE_TRANSFER_FLYING,
	KUBE_TRANSFER_ENDED,
	KUBE_TRANSFER_DEAD,
};

/* One call. Owned by the list it is in. */
struct kube_transfer {
	struct bw_list node;
	enum kube_transfer_state state;
	struct kube_http *http;
	struct bw_kube_call *call; /* NULL = cancelled */
	enum bw_kube_verb verb;
	unsigned int flags;
	enum kube_lane lane;
	int64_t start_ns;
	int64_t sent_ns; /* 0 = not yet */
	int64_t deadline_ns; /* 0 = none */
	unsigned int generation; /* of the credentials it was sent with */
	unsigned int tries;
	char *url;
	const char *accept;
	struct bw_buf send;
	size_t sent;
	CURL *easy;
	struct curl_slist *headers;
	struct bw_buf body;
	size_t received;
	int data_error; /* -errno of .data, or of keeping the body */
	char problem[BW_ERR_MSG_MAX]; /* libcurl writes CURL_ERROR_SIZE of it at most */
	enum bw_kube_result result; /* ENDED: what to say, with .problem */
};

/* Makes a transfer; nothing is sent. 0; -ENOMEM. */
int kube_transfer_new(struct kube_http *h, const struct bw_kube_request *r,
		      struct kube_transfer **ret, struct bw_err *err);
/* Its handle must be out of libcurl. NULL-safe. */
void kube_transfer_free(struct kube_transfer **t);

/* Makes the handle ready. 0; -ENOMEM; -EINVAL. */
int kube_transfer_prepare(struct kube_transfer *t, const struct kube_cred_view *cred,
			  struct bw_err *err);

/* What epoll says of a socket (EPOLLIN...), in libcurl's words (CURL_CSELECT_IN...). */
int kube_curl_ready(uint32_t events);
/* What libcurl wants to hear of a socket (CURL_POLL_IN...), in epoll's words (EPOLLIN...). */
uint32_t kube_curl_wants(int what);

/* A handle that connects to the server as all others do, and no more. */
CURLcode kube_easy_connect_only(CURL *easy, const struct kube_http *h,
				const struct kube_cred_view *cred, char *problem);

/*
 * The handle has done its work and is out of libcurl: tells the call. Return: 1 the transfer is to
 * be sent again with other credentials; 0 the call has ended.
 */
int kube_transfer_finish(struct kube_transfer *t, CURLcode code);

/* Tells the call that nothing was sent. */
void kube_transfer_refuse(struct kube_transfer *t);

/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the machine of watch.h with a client, a loop and a store. */
#pragma once

#include <bw/kube_client.h>
#include <bw/kube_controller.h>
#include <bw/kube_text.h>
#include <bw/loop.h>

#include "store.h"
#include "watch.h"

/* Lives in its owner; zeroed is idle. */
struct bw_kube_reflector {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	struct bw_kube_store *store; /* borrowed */
	void (*progress)(void *arg); /* after every piece: something may be visible now */
	void (*found)(struct bw_kube_reflector *r, void *arg); /* the server that was away */
	void *arg; /* of both */

	char *namespace; /* copies of the options; NULL = none */
	char *field_selector;
	char *label_selector;
	const struct bw_kube_keep *keep;

	struct bw_kube_watch watch;
	struct bw_kube_shadow shadow;
	struct bw_kube_cut cut;
	struct bw_kube_call call;
	struct bw_timer timer;
	struct bw_defer again; /* when there is no memory for a timer */
	char *cont; /* of the list's next page */
	uint8_t calling;

	/* Why we ended a call ourselves, told when .done comes. */
	uint8_t faulty;
	uint8_t error_line;
	enum bw_kube_result line_result; /* OK = an error that only time mends */
	unsigned int line_retry_ms;
	char message[256]; /* the last trouble, for logs; "" = none */
};

/* @opts may be NULL; copied. The first request goes out at @at. 0; -ENOMEM. */
int bw_kube_reflector_start(struct bw_kube_reflector *r, struct bw_loop *loop,
			    struct bw_kube_client *client, struct bw_kube_store *store,
			    const struct bw_kube_watch_options *opts, uint64_t seed, int64_t at,
			    struct bw_err *err);
/* bw_kube_watch_force() and bw_kube_watch_wake(). The first never from a callback of @r. */
void bw_kube_reflector_force(struct bw_kube_reflector *r);
void bw_kube_reflector_wake(struct bw_kube_reflector *r);
/* Cancels what is in flight and frees everything. Harmless on zeroes. */
void bw_kube_reflector_done(struct bw_kube_reflector *r);

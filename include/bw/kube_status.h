/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server's refusal says, and what follows from it. */
#pragma once

#include <bw/defs.h>
#include <bw/kube_client.h>
#include <bw/kube_text.h>

#define BW_KUBE_REASON_MAX 63 /* characters; the longest known one has 21 */
#define BW_KUBE_MESSAGE_MAX 1023 /* characters; longer ones are cut */
#define BW_KUBE_RETRY_MAX_MS 600000 /* a server's wish to wait longer is cut */

/* The kind Status of meta/v1. Zeroed says nothing. */
struct bw_kube_status {
	int code;
	unsigned int retry_ms; /* details.retryAfterSeconds; 0 = none */
	uint8_t too_new; /* a cause is ResourceVersionTooLarge */
	char reason[BW_KUBE_REASON_MAX + 1];
	char message[BW_KUBE_MESSAGE_MAX + 1];
};

/**
 * bw_kube_status_decode() - read a Status
 * @text: any bytes
 * @size: of them
 * @ret: zeroes on failure
 *
 * Members of a wrong type count as absent. Control characters in the message become '?'.
 * Return: 0; -EBADMSG no Status.
 */
int bw_kube_status_decode(const char *text, size_t size, struct bw_kube_status *ret);

/* The same of a Status that does not say its kind, as those inside of something else. */
void bw_kube_status_read(struct bw_kube_slice in, struct bw_kube_status *ret);

/**
 * bw_kube_status_result() - what an HTTP status means for the next step
 * @http: 100..599; 0 = no answer came
 * @s: of the body; zeroes when there was none
 * @retry_ms: of the header Retry-After; 0 = none
 *
 * Return: the class. 0 is BW_KUBE_UNKNOWN: whether there was a connection, the caller knows.
 * Source: api-conventions of Kubernetes, "HTTP Status codes".
 */
enum bw_kube_result bw_kube_status_result(int http, const struct bw_kube_status *s,
					  unsigned int retry_ms);

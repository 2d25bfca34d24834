/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in the metrics, under the names and with the buckets of client-go's. */
#pragma once

#include <bw/defs.h>

struct bw_metrics;

/* A request that has ended; texts are borrowed. */
struct bw_kube_rest {
	const char *method; /* of HTTP */
	const char *host; /* host:port of the URL */
	int http; /* status; 0 = no answer came */
	int64_t wait_ns; /* until it was sent */
	int64_t ns; /* from its sending to its end */
	size_t sent; /* bytes of the bodies */
	size_t received;
	int watch; /* lasts as long as the server likes: counted, not timed */
};

/* Counts one; NULL @m does nothing. Out of memory: it is not counted. */
void bw_kube_rest_count(struct bw_metrics *m, const struct bw_kube_rest *r);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rest_client_*. Source: k8s.io/component-base, metrics/prometheus/restclient, which every Go
 * program of Kubernetes has; dashboards know these names.
 */
#include <stdio.h>

#include <bw/kube_metrics.h>

#include "rest.h"

#define NS_PER_S 1e9

static const double seconds[] = { 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60 };
static const double sizes[] = { 64,    256,    512,     1024,    4096,    16384,
				65536, 262144, 1048576, 4194304, 16777216 };

static const struct bw_metric_family requests = {
	"rest_client_requests_total", "Requests by their answer's status, method and server",
	BW_METRIC_COUNTER, NULL, 0
};
static const struct bw_metric_family duration = {
	"rest_client_request_duration_seconds", "From the sending to the answer's end; no watches",
	BW_METRIC_HISTOGRAM, seconds, BW_ARRAY_SIZE(seconds)
};
static const struct bw_metric_family limiter = {
	"rest_client_rate_limiter_duration_seconds",
	"How long requests waited for their turn: so many reads and writes fly at once",
	BW_METRIC_HISTOGRAM, seconds, BW_ARRAY_SIZE(seconds)
};
static const struct bw_metric_family sent = { "rest_client_request_size_bytes",
					      "Bytes of requests' bodies", BW_METRIC_HISTOGRAM,
					      sizes, BW_ARRAY_SIZE(sizes) };
static const struct bw_metric_family received = { "rest_client_response_size_bytes",
						  "Bytes of answers' bodies; no watches",
						  BW_METRIC_HISTOGRAM, sizes,
						  BW_ARRAY_SIZE(sizes) };

void bw_kube_rest_count(struct bw_metrics *m, const struct bw_kube_rest *r)
{
	char code[16] = "<error>"; /* client-go's word for no answer */
	const struct {
		const struct bw_metric_family *family;
		double value;
	} all[] = {
		{ &limiter, (double)r->wait_ns / NS_PER_S },
		{ &duration, (double)r->ns / NS_PER_S },
		{ &sent, (double)r->sent },
		{ &received, (double)r->received },
	};

	if (!m)
		return;
	if (r->http)
		(void)snprintf(code, sizeof(code), "%d", r->http); /* fits, ignoring */
	bw_metric_add(bw_metrics_get(m, &requests, "code", code, "method", r->method, "host",
				     r->host, NULL),
		      1);
	for (size_t i = 0; i < BW_ARRAY_SIZE(all) && !r->watch; i++)
		bw_metric_observe(
			bw_metrics_get(m, all[i].family, "verb", r->method, "host", r->host, NULL),
			all[i].value);
}

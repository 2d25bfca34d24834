/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters, gauges and histograms, written as Prometheus' text format 0.0.4.
 *
 * I1 Metrics never fail what they measure: a metric that could not be made is NULL, and every
 *    function takes NULL.
 * I2 Equal inputs give equal texts: families by name, metrics by their labels.
 */
#pragma once

#include <bw/defs.h>

struct bw_buf;
struct bw_err;
struct bw_metric;
struct bw_metrics;

enum bw_metric_type {
	BW_METRIC_COUNTER,
	BW_METRIC_GAUGE,
	BW_METRIC_HISTOGRAM,
	BW_METRIC_TYPE_MAX_,
};
/* As in a # TYPE line; "unknown" outside the enum. */
const char *bw_metric_type_str(enum bw_metric_type type);

#define BW_METRIC_BUCKETS_MAX 32
#define BW_METRIC_SERIES_MAX 20000 /* of one registry: more are refused */

/* A family; static. */
struct bw_metric_family {
	const char *name;
	const char *help;
	enum bw_metric_type type;
	const double *buckets; /* HISTOGRAM: upper bounds, ascending, without +Inf */
	size_t n_buckets;
};

/* An empty registry, owned by the caller. 0; -ENOMEM. */
int bw_metrics_new(struct bw_metrics **ret, struct bw_err *err);
/* Takes every series with it. NULL-safe. */
void bw_metrics_free(struct bw_metrics **m);

/**
 * bw_metrics_get() - one series, made when it is asked for first
 * @m: registry; NULL gives NULL
 * @family: static, borrowed for the registry's life
 * @...: pairs of const char * label and value, ended by NULL; copied
 *
 * Return: borrowed, as long as the registry lives; NULL without memory or beyond
 * BW_METRIC_SERIES_MAX.
 */
struct bw_metric *bw_metrics_get(struct bw_metrics *m, const struct bw_metric_family *family, ...)
	__attribute__((sentinel));

/* Takes all series of a family away; pointers to them are void. NULL-safe. */
void bw_metrics_forget(struct bw_metrics *m, const struct bw_metric_family *family);

/* COUNTER, GAUGE: raises the value. */
void bw_metric_add(struct bw_metric *s, double by);
/* GAUGE; COUNTER: what somebody else counts. */
void bw_metric_set(struct bw_metric *s, double to);
/* HISTOGRAM: one more value. */
void bw_metric_observe(struct bw_metric *s, double value);
/* The value; of a HISTOGRAM how many were observed; 0 for NULL. */
double bw_metric_value(const struct bw_metric *s);

/* @fn sets gauges just before a text is written; in the order they were added. 0; -ENOMEM. */
int bw_metrics_on_text(struct bw_metrics *m, void (*fn)(void *arg), void *arg, struct bw_err *err);

/**
 * bw_metrics_text() - the text that a scrape gets
 * @m: registry
 * @out: appended to
 *
 * Return: 0; -ENOMEM.
 * Source: Prometheus exposition formats, text 0.0.4.
 */
int bw_metrics_text(struct bw_metrics *m, struct bw_buf *out);

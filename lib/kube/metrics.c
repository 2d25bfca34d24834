/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: families and their series in ordered trees, and the text of a scrape. */
#include <assert.h>
#include <float.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/kube_metrics.h>

#include "tree.h"

#define BOUND_MAX 40 /* bytes of a bucket's bound */

struct bw_metric {
	struct bw_kube_node node; /* by family, then labels */
	const struct bw_metric_family *family;
	double value; /* HISTOGRAM: the sum */
	uint64_t n;
	uint64_t *buckets;
	char labels[]; /* a="b",c="d" */
};

struct hook {
	struct hook *next;
	void (*fn)(void *arg);
	void *arg;
};

struct bw_metrics {
	struct bw_kube_tree series;
	struct hook *hooks;
};

struct key {
	const char *family;
	const char *labels;
};

static const char *const type_names[] = {
	[BW_METRIC_COUNTER] = "counter",
	[BW_METRIC_GAUGE] = "gauge",
	[BW_METRIC_HISTOGRAM] = "histogram",
};
static_assert(BW_ARRAY_SIZE(type_names) == BW_METRIC_TYPE_MAX_, "a type without a name");

const char *bw_metric_type_str(enum bw_metric_type type)
{
	return (unsigned int)type < BW_ARRAY_SIZE(type_names) ? type_names[type] : "unknown";
}

static struct bw_metric *series_of(const struct bw_kube_node *n)
{
	return n ? BW_CONTAINER_OF(n, struct bw_metric, node) : NULL;
}

static int series_cmp(const void *key, const struct bw_kube_node *n)
{
	const struct key *k = key;
	const struct bw_metric *s = series_of(n);
	int c = strcmp(k->family, s->family->name);

	return c ? c : strcmp(k->labels, s->labels);
}

int bw_metrics_new(struct bw_metrics **ret, struct bw_err *err)
{
	struct bw_metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return bw_fail(err, ENOMEM, "make a registry of metrics");
	*ret = m;
	return 0;
}

static void drop(struct bw_metrics *m, struct bw_metric *s)
{
	struct key k = { s->family->name, s->labels };

	(void)bw_kube_tree_remove(&m->series, series_cmp, &k); /* s itself, ignoring */
	free(s->buckets);
	free(s);
}

void bw_metrics_forget(struct bw_metrics *m, const struct bw_metric_family *family)
{
	struct key first = { family->name, "" };

	while (m) {
		struct bw_kube_walk w;
		struct bw_metric *s;

		bw_kube_walk_start(&w, &m->series, series_cmp, &first);
		s = series_of(bw_kube_walk_next(&w));
		if (!s || s->family != family)
			return;
		drop(m, s);
	}
}

void bw_metrics_free(struct bw_metrics **metrics)
{
	struct bw_metrics *m = *metrics;

	if (!m)
		return;
	while (m->series.root)
		drop(m, series_of(m->series.root));
	while (m->hooks) {
		struct hook *h = m->hooks;

		m->hooks = h->next;
		free(h);
	}
	free(m);
	*metrics = NULL;
}

/* A label's value: backslash, quotation mark and line feed are escaped. */
static int put_label(struct bw_buf *out, const char *name, const char *value)
{
	int r = bw_buf_printf(out, "%s%s=\"", out->size ? "," : "", name);

	for (; r == 0 && *value; value++) {
		if (*value == '\n')
			r = bw_buf_append(out, "\\n", 2);
		else if (*value == '\\' || *value == '"')
			r = bw_buf_printf(out, "\\%c", *value);
		else
			r = bw_buf_append(out, value, 1);
	}
	return r < 0 ? r : bw_buf_append(out, "\"", 1);
}

static struct bw_metric *series_new(const struct bw_metric_family *family,
				    const struct bw_buf *labels)
{
	struct bw_metric *s = calloc(1, sizeof(*s) + labels->size + 1);

	if (!s)
		return NULL;
	s->family = family;
	if (labels->size)
		memcpy(s->labels, labels->data, labels->size);
	assert(family->n_buckets <= BW_METRIC_BUCKETS_MAX);
	if (family->n_buckets) {
		s->buckets = calloc(family->n_buckets, sizeof(*s->buckets));
		if (!s->buckets) {
			free(s);
			return NULL;
		}
	}
	return s;
}

struct bw_metric *bw_metrics_get(struct bw_metrics *m, const struct bw_metric_family *family, ...)
{
	bw_autobuf struct bw_buf labels = { 0 };
	struct bw_kube_node *found;
	struct bw_metric *s;
	const char *name;
	struct key k;
	va_list ap;
	int r = bw_buf_reserve(&labels, 0);

	if (!m)
		return NULL;
	va_start(ap, family);
	while (r == 0 && (name = va_arg(ap, const char *)) != NULL)
		r = put_label(&labels, name, va_arg(ap, const char *));
	va_end(ap);
	if (r < 0)
		return NULL;
	k = (struct key){ family->name, labels.data };
	found = bw_kube_tree_find(&m->series, series_cmp, &k);
	if (found || m->series.count == BW_METRIC_SERIES_MAX)
		return series_of(found);
	s = series_new(family, &labels);
	if (!s)
		return NULL;
	k.labels = s->labels;
	(void)bw_kube_tree_insert(&m->series, series_cmp, &k, &s->node); /* is new, ignoring */
	return s;
}

void bw_metric_add(struct bw_metric *s, double by)
{
	if (s)
		s->value += by;
}

void bw_metric_set(struct bw_metric *s, double to)
{
	if (s)
		s->value = to;
}

void bw_metric_observe(struct bw_metric *s, double value)
{
	if (!s)
		return;
	s->n++;
	s->value += value;
	for (size_t i = 0; i < s->family->n_buckets; i++)
		if (value <= s->family->buckets[i])
			s->buckets[i]++;
}

double bw_metric_value(const struct bw_metric *s)
{
	if (!s)
		return 0;
	return s->family->type == BW_METRIC_HISTOGRAM ? (double)s->n : s->value;
}

int bw_metrics_on_text(struct bw_metrics *m, void (*fn)(void *arg), void *arg, struct bw_err *err)
{
	struct hook **end = &m->hooks;
	struct hook *h = calloc(1, sizeof(*h));

	if (!h)
		return bw_fail(err, ENOMEM, "hear of scrapes");
	h->fn = fn;
	h->arg = arg;
	while (*end)
		end = &(*end)->next;
	*end = h;
	return 0;
}

/*
 * The shortest text that is this number, as Go's strconv.FormatFloat(v, 'g', -1, 64) writes it: the
 * bounds of one metric are one text, whichever program it is from.
 */
static const char *bound_text(double v, char out[BOUND_MAX])
{
	int digits = 0;
	long exp;

	do
		(void)snprintf(out, BOUND_MAX, "%.*e", digits, v); /* fits */
	while (strtod(out, NULL) != v && ++digits < DBL_DECIMAL_DIG);
	exp = strtol(strchr(out, 'e') + 1, NULL, 10);
	if (exp >= -4 && exp < 6)
		(void)snprintf(out, BOUND_MAX, "%.*f", digits > exp ? digits - (int)exp : 0,
			       v); /* fits */
	return out;
}

static int put_histogram(struct bw_buf *out, const struct bw_metric *s)
{
	const struct bw_metric_family *f = s->family;
	const char *comma = *s->labels ? "," : "";
	char bound[BOUND_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->n_buckets; i++)
		r = bw_buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %llu\n", f->name, s->labels, comma,
				  bound_text(f->buckets[i], bound),
				  (unsigned long long)s->buckets[i]);
	if (r == 0)
		r = bw_buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", f->name, s->labels,
				  comma, (unsigned long long)s->n);
	if (r < 0 || !*s->labels)
		return r < 0 ? r
			     : bw_buf_printf(out, "%s_sum %.15g\n%s_count %llu\n", f->name,
					     s->value, f->name, (unsigned long long)s->n);
	return bw_buf_printf(out, "%s_sum{%s} %.15g\n%s_count{%s} %llu\n", f->name, s->labels,
			     s->value, f->name, s->labels, (unsigned long long)s->n);
}

static int put_series(struct bw_buf *out, const struct bw_metric *s)
{
	if (s->family->type == BW_METRIC_HISTOGRAM)
		return put_histogram(out, s);
	if (!*s->labels)
		return bw_buf_printf(out, "%s %.15g\n", s->family->name, s->value);
	return bw_buf_printf(out, "%s{%s} %.15g\n", s->family->name, s->labels, s->value);
}

int bw_metrics_text(struct bw_metrics *m, struct bw_buf *out)
{
	const struct bw_metric_family *last = NULL;
	struct bw_kube_walk w;
	struct bw_metric *s;
	int r = 0;

	for (const struct hook *h = m->hooks; h; h = h->next)
		h->fn(h->arg);
	bw_kube_walk_start(&w, &m->series, NULL, NULL);
	while (r == 0 && (s = series_of(bw_kube_walk_next(&w))) != NULL) {
		if (!last || strcmp(last->name, s->family->name) != 0)
			r = bw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", s->family->name,
					  s->family->help, s->family->name,
					  bw_metric_type_str(s->family->type));
		last = s->family;
		if (r == 0)
			r = put_series(out, s);
	}
	return r;
}

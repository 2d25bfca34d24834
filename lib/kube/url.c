/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as method, URL, headers and DeleteOptions: tables and percent-encoding. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "url.h"

#define MS_PER_S 1000

static const struct {
	const char *method;
	const char *content_type;
	int write;
} verbs[BW_KUBE_VERB_MAX_] = {
	[BW_KUBE_GET] = { "GET", NULL, 0 },
	[BW_KUBE_LIST] = { "GET", NULL, 0 },
	[BW_KUBE_WATCH] = { "GET", NULL, 0 },
	[BW_KUBE_CREATE] = { "POST", "application/json", 1 },
	[BW_KUBE_UPDATE] = { "PUT", "application/json", 1 },
	[BW_KUBE_APPLY] = { "PATCH", "application/apply-patch+yaml", 1 },
	[BW_KUBE_MERGE] = { "PATCH", "application/merge-patch+json", 1 },
	[BW_KUBE_STRATEGIC] = { "PATCH", "application/strategic-merge-patch+json", 1 },
	[BW_KUBE_JSON_PATCH] = { "PATCH", "application/json-patch+json", 1 },
	[BW_KUBE_DELETE] = { "DELETE", "application/json", 1 },
	[BW_KUBE_RAW] = { "GET", NULL, 0 },
};

const char *kube_url_method(enum bw_kube_verb verb)
{
	return verbs[verb].method;
}

const char *kube_url_content_type(enum bw_kube_verb verb)
{
	return verbs[verb].content_type;
}

int kube_url_is_write(enum bw_kube_verb verb)
{
	return verbs[verb].write;
}

const char *kube_url_accept(const struct bw_kube_request *r)
{
	if (r->flags & BW_KUBE_F_TABLE)
		return "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
	if (!(r->flags & BW_KUBE_F_METADATA))
		return "application/json";
	return r->verb == BW_KUBE_LIST
		       ? "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
		       : "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
}

/* RFC 3986, section 2.3. */
int kube_url_encode(struct bw_buf *b, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		char out[3] = { '%', hex[c >> 4], hex[c & 15] };
		int plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
			    strchr("-._~", c);

		if (bw_buf_append(b, plain ? s : out, plain ? 1 : 3) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int segment(struct bw_buf *b, const char *s)
{
	if (!s || !*s)
		return 0;
	return bw_buf_append(b, "/", 1) < 0 ? -ENOMEM : kube_url_encode(b, s);
}

static int path(const struct bw_kube_request *r, struct bw_buf *b)
{
	const struct bw_kube_kind *k = r->kind;
	const char *ns = k->namespaced ? r->namespace : NULL;
	/* The name of what is created is in its body. */
	const char *name = r->verb == BW_KUBE_CREATE && !r->subresource ? NULL : r->name;
	const char *const segments[] = {
		*k->group ? "apis" : "api",
		k->group,
		k->version,
		ns ? "namespaces" : NULL,
		ns,
		k->plural,
		name,
		r->subresource,
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(segments); i++) {
		if (segment(b, segments[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

struct query {
	struct bw_buf *b;
	char next; /* '?' or '&' */
	int failed;
};

/* NULL = not given; an empty value is one. */
static void param(struct query *q, const char *key, const char *value)
{
	if (!value || q->failed)
		return;
	q->failed =
		bw_buf_printf(q->b, "%c%s=", q->next, key) < 0 || kube_url_encode(q->b, value) < 0;
	q->next = '&';
}

static void param_number(struct query *q, const char *key, unsigned int value)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", value); /* fits, ignoring */
	if (value)
		param(q, key, text);
}

static void query_list(struct query *q, const struct bw_kube_request *r)
{
	param_number(q, "limit", r->limit);
	param(q, "continue", r->cont);
	/* A page goes on at the resource version its token names. */
	if (!r->cont) {
		param(q, "resourceVersion", r->resource_version);
		param(q, "resourceVersionMatch", r->match);
	}
}

static void query_watch(struct query *q, const struct bw_kube_request *r)
{
	param(q, "watch", "true");
	if (r->flags & BW_KUBE_F_BOOKMARKS)
		param(q, "allowWatchBookmarks", "true");
	if (r->flags & BW_KUBE_F_INITIAL) {
		param(q, "sendInitialEvents", "true");
		param(q, "resourceVersionMatch", "NotOlderThan");
		param(q, "resourceVersion", r->resource_version ? r->resource_version : "");
	} else {
		param(q, "resourceVersion", r->resource_version);
	}
	param_number(q, "timeoutSeconds", (r->timeout_ms + MS_PER_S - 1) / MS_PER_S);
}

static void query_write(struct query *q, const struct bw_kube_request *r)
{
	if (r->verb != BW_KUBE_DELETE) {
		param(q, "fieldManager", r->manager);
		/* A field that we misspell, or that the CRD does not have yet, is an error. */
		param(q, "fieldValidation", "Strict");
	}
	if (r->verb == BW_KUBE_APPLY)
		param(q, "force", "true");
	if (r->flags & BW_KUBE_F_DRY_RUN)
		param(q, "dryRun", "All");
}

int kube_url_build(const struct bw_kube_request *r, struct bw_buf *b)
{
	struct query q = { .b = b, .next = '?' };

	if (r->verb == BW_KUBE_RAW)
		return bw_buf_append(b, r->path, strlen(r->path)) < 0 ? -ENOMEM : 0;
	if (path(r, b) < 0)
		return -ENOMEM;
	if (r->verb == BW_KUBE_LIST || r->verb == BW_KUBE_WATCH) {
		param(&q, "fieldSelector", r->field_selector);
		param(&q, "labelSelector", r->label_selector);
	}
	if (r->verb == BW_KUBE_LIST)
		query_list(&q, r);
	else if (r->verb == BW_KUBE_WATCH)
		query_watch(&q, r);
	else if (r->verb == BW_KUBE_GET)
		param(&q, "resourceVersion", r->resource_version);
	else
		query_write(&q, r);
	return q.failed ? -ENOMEM : 0;
}

/* A JSON string of a text that the API server made: UIDs, versions. Others lose what is no word. */
static int quote(struct bw_buf *b, const char *key, const char *value)
{
	if (bw_buf_printf(b, "\"%s\":\"", key) < 0)
		return -ENOMEM;
	for (; *value; value++) {
		if ((unsigned char)*value > ' ' && !strchr("\"\\", *value) &&
		    bw_buf_append(b, value, 1) < 0)
			return -ENOMEM;
	}
	return bw_buf_append(b, "\"", 1) < 0 ? -ENOMEM : 0;
}

int kube_url_delete_options(const struct bw_kube_request *r, struct bw_buf *b)
{
	const char *propagation = r->propagation ? r->propagation : "Background";
	int failed = bw_buf_printf(b, "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",") < 0;

	failed |= quote(b, "propagationPolicy", propagation) < 0;
	if (r->grace_s)
		failed |= bw_buf_printf(b, ",\"gracePeriodSeconds\":%" PRId64,
					r->grace_s < 0 ? 0 : r->grace_s) < 0;
	if (r->uid || r->resource_version) {
		failed |= bw_buf_append(b, ",\"preconditions\":{", 18) < 0;
		if (r->uid)
			failed |= quote(b, "uid", r->uid) < 0;
		if (r->uid && r->resource_version)
			failed |= bw_buf_append(b, ",", 1) < 0;
		if (r->resource_version)
			failed |= quote(b, "resourceVersion", r->resource_version) < 0;
		failed |= bw_buf_append(b, "}", 1) < 0;
	}
	failed |= bw_buf_append(b, "}", 1) < 0;
	return failed ? -ENOMEM : 0;
}

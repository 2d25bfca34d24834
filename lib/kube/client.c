/* SPDX-License-Identifier: Apache-2.0 */
/* What is common to all clients of an API server: names, checks of a request, the call's life. */
#include <assert.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_client.h>

#define SEGMENT_MAX 253 /* characters of a name or namespace: RFC 1123 subdomain */

static const char *const verb_names[] = {
	[BW_KUBE_GET] = "get",
	[BW_KUBE_LIST] = "list",
	[BW_KUBE_WATCH] = "watch",
	[BW_KUBE_CREATE] = "create",
	[BW_KUBE_UPDATE] = "update",
	[BW_KUBE_APPLY] = "apply",
	[BW_KUBE_MERGE] = "merge",
	[BW_KUBE_STRATEGIC] = "strategic",
	[BW_KUBE_JSON_PATCH] = "json-patch",
	[BW_KUBE_DELETE] = "delete",
	[BW_KUBE_RAW] = "raw",
};
static_assert(BW_ARRAY_SIZE(verb_names) == BW_KUBE_VERB_MAX_, "a verb without a name");

static const char *const result_names[] = {
	[BW_KUBE_OK] = "ok",
	[BW_KUBE_EXISTS] = "exists",
	[BW_KUBE_CONFLICT] = "conflict",
	[BW_KUBE_NOT_FOUND] = "not-found",
	[BW_KUBE_GONE] = "gone",
	[BW_KUBE_TOO_NEW] = "too-new",
	[BW_KUBE_INVALID] = "invalid",
	[BW_KUBE_FORBIDDEN] = "forbidden",
	[BW_KUBE_UNAUTHORIZED] = "unauthorized",
	[BW_KUBE_THROTTLED] = "throttled",
	[BW_KUBE_REFUSED] = "refused",
	[BW_KUBE_UNKNOWN] = "unknown",
};
static_assert(BW_ARRAY_SIZE(result_names) == BW_KUBE_RESULT_MAX_, "a result without a name");

const char *bw_kube_verb_str(enum bw_kube_verb verb)
{
	return (unsigned int)verb < BW_KUBE_VERB_MAX_ ? verb_names[verb] : "unknown";
}

const char *bw_kube_result_str(enum bw_kube_result result)
{
	return (unsigned int)result < BW_KUBE_RESULT_MAX_ ? result_names[result] : "unknown";
}

/* What a verb cannot do without. */
#define NEEDS_NAME (1U << 0)
#define NEEDS_BODY (1U << 1)
static const unsigned int verb_needs[BW_KUBE_VERB_MAX_] = {
	[BW_KUBE_GET] = NEEDS_NAME,
	[BW_KUBE_CREATE] = NEEDS_BODY,
	[BW_KUBE_UPDATE] = NEEDS_NAME | NEEDS_BODY,
	[BW_KUBE_APPLY] = NEEDS_NAME | NEEDS_BODY,
	[BW_KUBE_MERGE] = NEEDS_NAME | NEEDS_BODY,
	[BW_KUBE_STRATEGIC] = NEEDS_NAME | NEEDS_BODY,
	[BW_KUBE_JSON_PATCH] = NEEDS_NAME | NEEDS_BODY,
	[BW_KUBE_DELETE] = NEEDS_NAME,
};

/*
 * Percent-encoded or not, these change which object a path names: the server takes them apart
 * before it looks at names. Source: k8s.io/apimachinery, names of path segments.
 */
static int check_segment(const char *what, const char *s, struct bw_err *err)
{
	size_t len = s ? strlen(s) : 0;

	if (!s)
		return 0;
	if (!len || len > SEGMENT_MAX || strcmp(s, ".") == 0 || strcmp(s, "..") == 0 ||
	    strpbrk(s, "/%"))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s \"%.300s\" cannot stand in a path of the API", what, s);
	return 0;
}

static int check(const struct bw_kube_request *r, struct bw_err *err)
{
	unsigned int needs;
	int e;

	if ((unsigned int)r->verb >= BW_KUBE_VERB_MAX_)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "unknown verb %d", (int)r->verb);
	if (r->verb == BW_KUBE_RAW)
		return r->path && r->path[0] == '/' ? 0
						    : bw_reject(err, BW_ERR_INVALID, EINVAL,
								"a raw request needs a path");
	needs = verb_needs[r->verb];
	if (!r->kind)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s needs a kind",
				 bw_kube_verb_str(r->verb));
	if (((needs & NEEDS_NAME) && !r->name) || ((needs & NEEDS_BODY) && !r->body))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s of %s needs a %s",
				 bw_kube_verb_str(r->verb), r->kind->plural,
				 (needs & NEEDS_NAME) && !r->name ? "name" : "body");
	if (r->kind->namespaced && !r->namespace && r->verb != BW_KUBE_LIST &&
	    r->verb != BW_KUBE_WATCH)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s of %s needs a namespace",
				 bw_kube_verb_str(r->verb), r->kind->plural);
	e = check_segment("namespace", r->kind->namespaced ? r->namespace : NULL, err);
	if (e == 0)
		e = check_segment("name", r->name, err);
	return e < 0 ? e : check_segment("subresource", r->subresource, err);
}

int bw_kube_start(struct bw_kube_client *c, const struct bw_kube_request *r,
		  struct bw_kube_call *call, struct bw_err *err)
{
	int e;

	assert(!call->client && call->done);
	e = check(r, err);
	if (e < 0)
		return e;
	call->client = c;
	call->impl = NULL;
	e = c->ops->start(c, r, call, err);
	if (e < 0)
		call->client = NULL;
	return e;
}

void bw_kube_finish(struct bw_kube_call *call, const struct bw_kube_answer *a)
{
	call->client = NULL;
	call->impl = NULL;
	call->done(a, call->arg);
}

void bw_kube_cancel(struct bw_kube_call *call)
{
	if (!call->client)
		return;
	call->client->ops->cancel(call);
	call->client = NULL;
	call->impl = NULL;
}

void bw_kube_client_free(struct bw_kube_client **c)
{
	struct bw_kube_client *client = c ? *c : NULL;

	if (!client)
		return;
	*c = NULL;
	client->ops->free(client);
}

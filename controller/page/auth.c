/* SPDX-License-Identifier: Apache-2.0 */
/* Bearer tokens, by reviews of the API server. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>
#include <gnutls/crypto.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/kube_client.h>
#include <bw/kube_metrics.h>
#include <bw/log.h>
#include <bw/loop.h>

#include "auth.h"

#define NS_PER_S 1000000000LL
#define HASH_SIZE 32 /* SHA-256 */
#define REVIEW_MS 10000

static const struct bw_kube_kind token_reviews = { "authentication.k8s.io", "v1", "tokenreviews",
						   "TokenReview", 0 };
static const struct bw_kube_kind access_reviews = { "authorization.k8s.io", "v1",
						    "subjectaccessreviews", "SubjectAccessReview",
						    0 };

static const struct bw_metric_family decisions = {
	"barewire_controller_page_decisions_total",
	"Reviews of tokens for the page, by what came of them", BW_METRIC_COUNTER, NULL, 0
};

static const char *const verdicts[] = {
	[PAGE_ASKING] = "asking",       [PAGE_ALLOWED] = "allowed", [PAGE_UNKNOWN] = "unknown",
	[PAGE_FORBIDDEN] = "forbidden", [PAGE_BUSY] = "busy",       [PAGE_UNDECIDED] = "undecided",
};
static_assert(BW_ARRAY_SIZE(verdicts) == PAGE_VERDICT_MAX_, "a verdict without a name");

const char *page_verdict_str(enum page_verdict v)
{
	return (unsigned int)v < PAGE_VERDICT_MAX_ ? verdicts[v] : "unknown";
}

struct memory {
	unsigned char hash[HASH_SIZE];
	enum page_verdict verdict; /* PAGE_ASKING = free */
	int64_t until_ns;
};

struct review {
	struct page_auth *auth;
	unsigned char hash[HASH_SIZE];
	struct bw_kube_call call;
	struct bw_list waiters; /* struct page_waiter */
	uint8_t used;
};

struct page_auth {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	struct bw_metrics *metrics;
	struct memory allowed[PAGE_ALLOWED_MAX];
	struct memory refused[PAGE_REFUSED_MAX];
	struct review reviews[PAGE_REVIEWS_MAX];
};

int page_auth_new(struct bw_loop *loop, struct bw_kube_client *client, struct bw_metrics *metrics,
		  struct page_auth **ret, struct bw_err *err)
{
	struct page_auth *a = calloc(1, sizeof(*a));

	if (!a)
		return bw_fail(err, ENOMEM, "review tokens");
	a->loop = loop;
	a->client = client;
	a->metrics = metrics;
	for (size_t i = 0; i < PAGE_REVIEWS_MAX; i++) {
		a->reviews[i].auth = a;
		bw_list_init(&a->reviews[i].waiters);
	}
	*ret = a;
	return 0;
}

void page_auth_free(struct page_auth **auth)
{
	struct page_auth *a = *auth;

	if (!a)
		return;
	for (size_t i = 0; i < PAGE_REVIEWS_MAX; i++) {
		bw_kube_cancel(&a->reviews[i].call);
		bw_list_for_each (n, &a->reviews[i].waiters)
			bw_list_del(n);
	}
	free(a);
	*auth = NULL;
}

/* MEMORY */

static enum page_verdict recall(const struct page_auth *a, const struct memory *all, size_t n,
				const unsigned char *hash)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].verdict != PAGE_ASKING && all[i].until_ns > bw_loop_now_ns(a->loop) &&
		    memcmp(all[i].hash, hash, HASH_SIZE) == 0)
			return all[i].verdict;
	return PAGE_ASKING;
}

static void remember(struct page_auth *a, const unsigned char *hash, enum page_verdict v)
{
	int good = v == PAGE_ALLOWED;
	struct memory *all = good ? a->allowed : a->refused;
	size_t n = good ? PAGE_ALLOWED_MAX : PAGE_REFUSED_MAX;
	struct memory *oldest = all;

	for (size_t i = 1; i < n; i++)
		if (all[i].until_ns < oldest->until_ns)
			oldest = &all[i];
	memcpy(oldest->hash, hash, HASH_SIZE);
	oldest->verdict = v;
	oldest->until_ns =
		bw_loop_now_ns(a->loop) + (good ? PAGE_ALLOWED_S : PAGE_REFUSED_S) * NS_PER_S;
}

/* REVIEWS */

static void decide(struct review *r, enum page_verdict v)
{
	struct bw_list waiters;

	bw_metric_add(
		bw_metrics_get(r->auth->metrics, &decisions, "result", page_verdict_str(v), NULL),
		1);
	if (v != PAGE_UNDECIDED)
		remember(r->auth, r->hash, v);
	/* Who is told may ask again at once: the place is free by then. */
	bw_list_init(&waiters);
	bw_list_for_each (n, &r->waiters) {
		bw_list_del(n);
		bw_list_add_tail(&waiters, n);
	}
	r->used = 0;
	while (!bw_list_empty(&waiters)) {
		struct page_waiter *w = bw_list_entry(waiters.next, struct page_waiter, node);

		bw_list_del(&w->node);
		w->decided(v, w->arg);
	}
}

/* What of the answer is no review says why, and nothing of the token: it is in no Status. */
static void complain(const char *what, const struct bw_kube_answer *a)
{
	bw_log_warn("the page's visitors cannot be told apart", "review", what, "answer",
		    bw_kube_result_str(a->result), "why", a->message, "remedy",
		    a->result == BW_KUBE_FORBIDDEN ? "kubectl apply -f conf/rbac/page.yaml" : NULL);
}

/* The text holds a token and is wiped. */
static int post(struct review *r, const struct bw_kube_kind *kind, const struct cJSON *spec,
		void (*done)(const struct bw_kube_answer *a, void *arg))
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct bw_kube_request req = { .verb = BW_KUBE_CREATE,
				       .kind = kind,
				       .timeout_ms = REVIEW_MS };
	struct cJSON *root = bw_json_build_object(&b);
	char version[64];
	bw_autojson struct cJSON *tree = NULL;
	bw_autofree char *text = NULL;
	int ret;

	/* fits, ignoring */
	(void)snprintf(version, sizeof(version), "%s/%s", kind->group, kind->version);
	bw_json_put_str(&b, root, "apiVersion", version);
	bw_json_put_str(&b, root, "kind", kind->kind);
	bw_json_put_tree(&b, root, "spec", spec);
	ret = bw_json_build_take(&b, &tree, NULL);
	if (ret == 0)
		ret = bw_json_print(tree, 0, &text, NULL);
	if (ret < 0 || !text)
		return ret;
	req.body = text;
	req.body_size = strlen(text);
	r->call.done = done;
	r->call.arg = r;
	ret = bw_kube_start(r->auth->client, &req, &r->call, NULL);
	explicit_bzero(text, strlen(text));
	return ret;
}

static void on_access(const struct bw_kube_answer *a, void *arg)
{
	bw_autojson struct cJSON *json = NULL;
	struct review *r = arg;
	const struct cJSON *status;

	if (a->result != BW_KUBE_OK || bw_json_parse(a->body, a->body_size, &json, NULL) < 0) {
		complain(access_reviews.plural, a);
		decide(r, PAGE_UNDECIDED);
		return;
	}
	status = bw_json_get(json, "status");
	decide(r, cJSON_IsTrue(bw_json_get(status, "allowed")) &&
				  !cJSON_IsTrue(bw_json_get(status, "denied"))
			  ? PAGE_ALLOWED
			  : PAGE_FORBIDDEN);
}

/* As the server told who it is: nothing is left out, an authorizer may look at all of it. */
static int ask_access(struct review *r, const struct cJSON *user)
{
	static const char *const lists[] = { "groups", "extra" };
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *spec = bw_json_build_object(&b);
	const char *name = bw_json_get_str(user, "username");
	const char *uid = bw_json_get_str(user, "uid");
	bw_autojson struct cJSON *tree = NULL;
	struct cJSON *what;
	int ret;

	bw_json_put_str(&b, spec, "user", name ? name : "");
	if (uid)
		bw_json_put_str(&b, spec, "uid", uid);
	for (size_t i = 0; i < BW_ARRAY_SIZE(lists); i++) {
		const struct cJSON *from = bw_json_get(user, lists[i]);

		if (from)
			bw_json_put_tree(&b, spec, lists[i], from);
	}
	what = bw_json_put_object(&b, spec, "resourceAttributes");
	bw_json_put_str(&b, what, "group", "db.barewire.dev");
	bw_json_put_str(&b, what, "resource", "units");
	bw_json_put_str(&b, what, "verb", "get");
	ret = bw_json_build_take(&b, &tree, NULL);
	return ret < 0 ? ret : post(r, &access_reviews, tree, on_access);
}

static void on_token(const struct bw_kube_answer *a, void *arg)
{
	bw_autojson struct cJSON *json = NULL;
	struct review *r = arg;
	const struct cJSON *status;
	const struct cJSON *user;

	if (a->result != BW_KUBE_OK || bw_json_parse(a->body, a->body_size, &json, NULL) < 0) {
		complain(token_reviews.plural, a);
		decide(r, PAGE_UNDECIDED);
		return;
	}
	status = bw_json_get(json, "status");
	user = bw_json_get(status, "user");
	if (!cJSON_IsTrue(bw_json_get(status, "authenticated")) ||
	    !bw_json_get_str(user, "username"))
		decide(r, PAGE_UNKNOWN);
	else if (ask_access(r, user) < 0)
		decide(r, PAGE_UNDECIDED);
}

static int ask_token(struct review *r, const char *token)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *tree = NULL;
	int ret;

	bw_json_put_str(&b, bw_json_build_object(&b), "token", token);
	ret = bw_json_build_take(&b, &tree, NULL);
	return ret < 0 ? ret : post(r, &token_reviews, tree, on_token);
}

/* THE HEADER */

/* The token behind "Bearer "; NULL = there is none. Source: RFC 6750, section 2.1. */
static const char *token_of(const char *header)
{
	static const char b64[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789-._~+/=";
	size_t n;

	if (!header || strncasecmp(header, "Bearer ", 7) != 0)
		return NULL;
	header += 7;
	n = strspn(header, b64);
	return n && n <= PAGE_TOKEN_MAX && !header[n] ? header : NULL;
}

static struct review *review_of(struct page_auth *a, const unsigned char *hash)
{
	struct review *unused = NULL;

	for (size_t i = 0; i < PAGE_REVIEWS_MAX; i++) {
		if (!a->reviews[i].used)
			unused = &a->reviews[i];
		else if (memcmp(a->reviews[i].hash, hash, HASH_SIZE) == 0)
			return &a->reviews[i];
	}
	return unused;
}

enum page_verdict page_auth_ask(struct page_auth *a, const char *header, struct page_waiter *w)
{
	const char *token = token_of(header);
	unsigned char hash[HASH_SIZE];
	enum page_verdict v;
	struct review *r;

	if (!token)
		return PAGE_UNKNOWN;
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, token, strlen(token), hash) < 0)
		return PAGE_UNDECIDED;
	v = recall(a, a->allowed, PAGE_ALLOWED_MAX, hash);
	if (v == PAGE_ASKING)
		v = recall(a, a->refused, PAGE_REFUSED_MAX, hash);
	if (v != PAGE_ASKING)
		return v;
	r = review_of(a, hash);
	if (!r)
		return PAGE_BUSY;
	if (!r->used) {
		if (ask_token(r, token) < 0)
			return PAGE_UNDECIDED;
		memcpy(r->hash, hash, HASH_SIZE);
		r->used = 1;
	}
	bw_list_add_tail(&r->waiters, &w->node);
	return PAGE_ASKING;
}

void page_auth_end(struct page_auth *a)
{
	for (size_t i = 0; a && i < PAGE_REVIEWS_MAX; i++) {
		struct review *r = &a->reviews[i];

		if (!r->used)
			continue;
		bw_kube_cancel(&r->call);
		decide(r, PAGE_UNDECIDED);
	}
}

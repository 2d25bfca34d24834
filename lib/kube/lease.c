/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running for leadership: GET, judge, PUT, and while leading a PUT on what the last one answered.
 * One request at a time, each with half the deadline.
 */
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/kube_client.h>
#include <bw/kube_lease.h>
#include <bw/kube_metrics.h>
#include <bw/kube_text.h>
#include <bw/loop.h>

#include "quote.h"
#include "rand.h"
#include "time.h"

#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL
#define IDENTITY_MAX 255
#define RELEASE_MS 2000
#define RELEASED_S 1 /* leaseDurationSeconds of a Lease that nobody holds */

static const struct bw_kube_kind lease_kind = { "coordination.k8s.io", "v1", "leases", "Lease", 1 };

static const struct bw_metric_family master = { "leader_election_master_status",
						"1 while this process leads", BW_METRIC_GAUGE, NULL,
						0 };

enum doing {
	DOING_NOTHING,
	DOING_GET,
	DOING_PUT, /* or a POST */
	DOING_RELEASE,
};

struct bw_kube_lease {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	struct bw_metric *status;
	struct bw_kube_lease_options o; /* texts are ours */
	struct bw_kube_rand rand;
	struct bw_kube_call call;
	struct bw_timer retry;
	struct bw_timer lost;
	struct bw_defer again; /* when there is no memory for a timer */
	struct bw_defer released;
	enum doing doing;
	uint8_t leading;
	uint8_t known; /* .rv is what the server had last, as far as we know */
	uint8_t absent; /* the server has none */
	uint8_t over; /* it is being given up */
	uint8_t told; /* .released_fn was called */
	void (*released_fn)(void *arg);
	void *released_arg;
	int64_t sent_at; /* of the request in flight */
	int64_t changed_at; /* the record was first seen as it is */
	int64_t renewed_at;
	int64_t duration_s; /* the record's */
	int64_t transitions;
	char rv[BW_KUBE_RV_MAX + 1];
	char holder[IDENTITY_MAX + 1];
	char acquired[BW_KUBE_TIME_MAX];
};

static void step(struct bw_kube_lease *l);

static int64_t now_ns(const struct bw_kube_lease *l)
{
	return bw_loop_now_ns(l->loop);
}

static void set_timer(struct bw_kube_lease *l, struct bw_timer *t, int64_t at)
{
	if (bw_timer_set(t, at) < 0)
		bw_defer_call(&l->again);
}

static void lead(struct bw_kube_lease *l, int leading)
{
	if (l->leading == leading)
		return;
	l->leading = (uint8_t)leading;
	bw_metric_set(l->status, leading);
	if (!leading)
		bw_timer_stop(&l->lost);
	if (l->o.lead)
		l->o.lead(leading, l->o.arg);
}

static void again_in(struct bw_kube_lease *l, int64_t ms)
{
	set_timer(l, &l->retry, now_ns(l) + ms * NS_PER_MS);
}

/* A follower's next look, spread so that replicas do not look together. */
static void retry(struct bw_kube_lease *l)
{
	int64_t ms = l->o.retry_ms;

	again_in(l, l->leading ? ms : ms + bw_kube_rand_below(&l->rand, ms + ms / 5));
}

static void read_text(struct bw_kube_slice spec, const char *key, char *ret, size_t size)
{
	struct bw_kube_slice v;

	if (bw_kube_text_get(spec, &v, key, NULL) < 0 || bw_kube_text_str(v, ret, size) < 0)
		*ret = '\0';
}

static int64_t read_int(struct bw_kube_slice spec, const char *key)
{
	struct bw_kube_slice v;
	int64_t n = 0;

	if (bw_kube_text_get(spec, &v, key, NULL) == 0 && bw_kube_text_int(v, &n) < 0)
		n = 0;
	return n;
}

/* Takes in what the server has; what has not changed keeps the time it was first seen. */
static int observe(struct bw_kube_lease *l, const struct bw_kube_answer *a)
{
	struct bw_kube_slice all = { a->body, a->body_size };
	struct bw_kube_slice spec = { "{}", 2 };
	char holder[IDENTITY_MAX + 1];
	char rv[BW_KUBE_RV_MAX + 1] = "";

	if (bw_kube_text_copy(a->body, a->body_size, rv, sizeof(rv), "metadata",
			      "resourceVersion") < 0)
		return -EBADMSG;
	(void)bw_kube_text_get(all, &spec, "spec", NULL); /* an empty one stays, ignoring */
	if (strcmp(rv, l->rv) != 0)
		l->changed_at = now_ns(l);
	memcpy(l->rv, rv, sizeof(rv));
	l->known = 1;
	l->absent = 0;
	read_text(spec, "holderIdentity", holder, sizeof(holder));
	read_text(spec, "acquireTime", l->acquired, sizeof(l->acquired));
	l->duration_s = read_int(spec, "leaseDurationSeconds");
	l->transitions = read_int(spec, "leaseTransitions");
	if (strcmp(holder, l->holder) != 0) {
		memcpy(l->holder, holder, sizeof(holder));
		if (l->o.holder)
			l->o.holder(l->holder, l->o.arg);
	}
	return 0;
}

/* Whether the record may be taken: nobody's, ours, or unchanged for too long. */
static int is_free(const struct bw_kube_lease *l)
{
	int64_t duration = l->duration_s > l->o.duration_s ? l->duration_s : l->o.duration_s;

	return !*l->holder || !strcmp(l->holder, l->o.identity) ||
	       now_ns(l) - l->changed_at >= duration * NS_PER_S;
}

static int write_body(const struct bw_kube_lease *l, struct bw_buf *b, int release)
{
	int ours = !strcmp(l->holder, l->o.identity);
	int64_t transitions = l->transitions + (!ours && !l->absent);
	char now[BW_KUBE_TIME_MAX];
	int r;

	(void)bw_kube_microtime_str(bw_loop_real_s(l->loop), now); /* returns @now, ignoring */
	r = bw_buf_printf(b, "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
			     "\"metadata\":{\"name\":");
	if (r == 0)
		r = bw_kube_quote(b, l->o.name);
	if (r == 0)
		r = bw_buf_printf(b, ",\"namespace\":");
	if (r == 0)
		r = bw_kube_quote(b, l->o.namespace);
	if (r == 0 && !l->absent)
		r = bw_buf_printf(b, ",\"resourceVersion\":\"%s\"", l->rv);
	if (r == 0)
		r = bw_buf_printf(b, "},\"spec\":{\"holderIdentity\":");
	if (r == 0)
		r = bw_kube_quote(b, release ? "" : l->o.identity);
	if (r < 0)
		return r;
	return bw_buf_printf(b,
			     ",\"leaseDurationSeconds\":%u,\"acquireTime\":\"%s\","
			     "\"renewTime\":\"%s\",\"leaseTransitions\":%lld}}",
			     release ? RELEASED_S : l->o.duration_s,
			     ours && *l->acquired ? l->acquired : now, now, (long long)transitions);
}

static void on_answer(const struct bw_kube_answer *a, void *arg);

static int send(struct bw_kube_lease *l, enum doing doing)
{
	bw_autobuf struct bw_buf body = { 0 };
	struct bw_kube_request q = { .verb = BW_KUBE_GET,
				     .flags = BW_KUBE_F_URGENT,
				     .kind = &lease_kind,
				     .namespace = l->o.namespace,
				     .name = l->o.name,
				     .timeout_ms = l->o.deadline_ms / 2,
				     .grace_s = -1 };

	if (doing != DOING_GET) {
		if (write_body(l, &body, doing == DOING_RELEASE) < 0)
			return -ENOMEM;
		q.verb = l->absent ? BW_KUBE_CREATE : BW_KUBE_UPDATE;
		q.body = body.data;
		q.body_size = body.size;
	}
	l->call = (struct bw_kube_call){ .done = on_answer, .arg = l };
	l->sent_at = now_ns(l);
	if (bw_kube_start(l->client, &q, &l->call, NULL) < 0)
		return -ENOMEM;
	l->doing = doing;
	return 0;
}

static void on_got(struct bw_kube_lease *l, const struct bw_kube_answer *a)
{
	if (a->result == BW_KUBE_NOT_FOUND) {
		l->absent = 1;
		l->known = 1;
		l->holder[0] = '\0';
		l->transitions = 0;
		step(l);
		return;
	}
	if (a->result != BW_KUBE_OK || observe(l, a) < 0) {
		retry(l);
		return;
	}
	if (l->leading && strcmp(l->holder, l->o.identity) != 0)
		lead(l, 0);
	if (is_free(l))
		step(l);
	else
		retry(l);
}

static void on_put(struct bw_kube_lease *l, const struct bw_kube_answer *a)
{
	if (a->result == BW_KUBE_OK && observe(l, a) == 0) {
		l->renewed_at = l->sent_at;
		set_timer(l, &l->lost, l->renewed_at + l->o.deadline_ms * NS_PER_MS);
		lead(l, 1);
		retry(l);
		return;
	}
	/* Somebody was faster, or we do not know: what the server has decides. */
	l->known = 0;
	if (a->result == BW_KUBE_CONFLICT || a->result == BW_KUBE_EXISTS ||
	    a->result == BW_KUBE_NOT_FOUND)
		step(l);
	else
		retry(l);
}

/* The renewal that was in flight has ended: only now it is known what there is to give up. */
static void give_up(struct bw_kube_lease *l, const struct bw_kube_answer *a)
{
	if (a->result != BW_KUBE_OK || observe(l, a) < 0 || send(l, DOING_RELEASE) < 0)
		bw_defer_call(&l->released);
}

static void on_answer(const struct bw_kube_answer *a, void *arg)
{
	struct bw_kube_lease *l = arg;
	enum doing was = l->doing;

	l->doing = DOING_NOTHING;
	switch (was) {
	case DOING_GET:
		on_got(l, a);
		break;
	case DOING_PUT:
		if (l->over)
			give_up(l, a);
		else
			on_put(l, a);
		break;
	case DOING_RELEASE:
		bw_defer_call(&l->released);
		break;
	case DOING_NOTHING:
		break;
	}
}

/* What there is to do next; asked when a timer fires or an answer wants more. */
static void step(struct bw_kube_lease *l)
{
	if (l->over || l->doing != DOING_NOTHING)
		return;
	if (send(l, l->known && is_free(l) ? DOING_PUT : DOING_GET) < 0)
		retry(l);
}

static void on_retry(void *arg)
{
	struct bw_kube_lease *l = arg;

	/* A follower looks before it writes. */
	if (!l->leading)
		l->known = 0;
	step(l);
}

static void on_lost(void *arg)
{
	struct bw_kube_lease *l = arg;

	if (!l->leading)
		return;
	if (l->doing != DOING_NOTHING)
		bw_kube_cancel(&l->call);
	l->doing = DOING_NOTHING;
	l->known = 0;
	lead(l, 0);
	retry(l);
}

/* A timer could not be set: both are looked at. */
static void on_again(void *arg)
{
	struct bw_kube_lease *l = arg;

	if (l->over)
		return;
	if (l->leading && !bw_timer_is_set(&l->lost))
		set_timer(l, &l->lost, l->renewed_at + l->o.deadline_ms * NS_PER_MS);
	if (l->doing == DOING_NOTHING && !bw_timer_is_set(&l->retry))
		retry(l);
}

static void on_released(void *arg)
{
	struct bw_kube_lease *l = arg;

	bw_timer_stop(&l->lost);
	if (l->told)
		return;
	l->told = 1;
	if (l->released_fn)
		l->released_fn(l->released_arg);
}

static int keep_texts(struct bw_kube_lease *l, const struct bw_kube_lease_options *o)
{
	l->o.namespace = strdup(o->namespace);
	l->o.name = strdup(o->name);
	l->o.identity = strdup(o->identity);
	return l->o.namespace && l->o.name && l->o.identity ? 0 : -ENOMEM;
}

int bw_kube_lease_new(struct bw_loop *loop, struct bw_kube_client *client,
		      struct bw_metrics *metrics, const struct bw_kube_lease_options *opts,
		      struct bw_kube_lease **ret, struct bw_err *err)
{
	unsigned int duration = opts->duration_s ? opts->duration_s : BW_LEASE_DURATION_S;
	unsigned int deadline = opts->deadline_ms ? opts->deadline_ms : BW_LEASE_DEADLINE_MS;
	struct bw_kube_lease *l;

	if ((uint64_t)deadline >= (uint64_t)duration * 1000 ||
	    strlen(opts->identity) > IDENTITY_MAX)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "the Lease's renew deadline (%u ms) must be shorter than its "
				 "duration (%u s), its identity at most %d characters",
				 deadline, duration, IDENTITY_MAX);
	l = calloc(1, sizeof(*l));
	if (!l)
		return bw_fail(err, ENOMEM, "run for the Lease %s", opts->name);
	l->loop = loop;
	l->client = client;
	l->o = *opts;
	l->o.duration_s = duration;
	l->o.deadline_ms = deadline;
	l->o.retry_ms = opts->retry_ms ? opts->retry_ms : BW_LEASE_RETRY_MS;
	l->rand.state = opts->seed;
	bw_timer_init(&l->retry, loop, on_retry, l);
	bw_timer_init(&l->lost, loop, on_lost, l);
	bw_defer_init(&l->again, loop, on_again, l);
	bw_defer_init(&l->released, loop, on_released, l);
	if (keep_texts(l, opts) < 0 || bw_timer_set(&l->retry, bw_loop_now_ns(loop)) < 0) {
		bw_kube_lease_free(&l);
		return bw_fail(err, ENOMEM, "run for the Lease %s", opts->name);
	}
	l->status = bw_metrics_get(metrics, &master, "name", opts->name, NULL);
	bw_metric_set(l->status, 0);
	*ret = l;
	return 0;
}

int bw_kube_lease_is_held(const struct bw_kube_lease *l)
{
	return l->leading;
}

static void on_release_timeout(void *arg)
{
	struct bw_kube_lease *l = arg;

	if (l->doing != DOING_NOTHING)
		bw_kube_cancel(&l->call);
	l->doing = DOING_NOTHING;
	bw_defer_call(&l->released);
}

void bw_kube_lease_release(struct bw_kube_lease *l, void (*fn)(void *arg), void *arg)
{
	int was = l->leading;
	int r = 0;

	l->over = 1;
	l->released_fn = fn;
	l->released_arg = arg;
	bw_timer_stop(&l->retry);
	bw_defer_stop(&l->again);
	lead(l, 0);
	bw_timer_init(&l->lost, l->loop, on_release_timeout, l);
	if (l->doing == DOING_GET) {
		bw_kube_cancel(&l->call);
		l->doing = DOING_NOTHING;
	}
	/* A PUT that is in flight is waited for: also a follower's, which may make it the leader.
	 */
	if (l->doing == DOING_NOTHING)
		r = was ? send(l, DOING_RELEASE) : -ENODATA;
	if (r < 0 || bw_timer_set(&l->lost, now_ns(l) + RELEASE_MS * NS_PER_MS) < 0)
		bw_defer_call(&l->released);
}

void bw_kube_lease_free(struct bw_kube_lease **lease)
{
	struct bw_kube_lease *l = *lease;

	if (!l)
		return;
	if (l->doing != DOING_NOTHING)
		bw_kube_cancel(&l->call);
	bw_timer_stop(&l->retry);
	bw_timer_stop(&l->lost);
	bw_defer_stop(&l->again);
	bw_defer_stop(&l->released);
	free((char *)(uintptr_t)l->o.namespace);
	free((char *)(uintptr_t)l->o.name);
	free((char *)(uintptr_t)l->o.identity);
	free(l);
	*lease = NULL;
}

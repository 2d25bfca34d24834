/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a key: reconcile, then its plan step by step, then what comes next. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/log.h>

#include "controller.h"

#define NS_PER_MS 1000000LL
#define NS_PER_S 1e9
#define STREAK_BASE_NS 10000000LL
#define STREAK_DOUBLINGS_MAX 7 /* 1.3 s */

enum how {
	HOW_OK,
	HOW_AGAIN,
	HOW_FAILED,
	HOW_PARK,
	HOW_CUT, /* not the key's fault: once more when plans may run */
	HOW_MAX_,
};

static const enum bw_kube_queue_end queue_end[HOW_MAX_] = {
	[HOW_OK] = BW_KUBE_QUEUE_OK,          [HOW_AGAIN] = BW_KUBE_QUEUE_OK,
	[HOW_FAILED] = BW_KUBE_QUEUE_FAILED,  [HOW_PARK] = BW_KUBE_QUEUE_OK,
	[HOW_CUT] = BW_KUBE_QUEUE_BROKEN_OFF,
};

static int64_t now_ns(const struct bw_controller_key *k)
{
	return bw_loop_now_ns(k->c->rt->loop);
}

static struct bw_kube_object *object_of(const struct bw_controller_key *k)
{
	return bw_kube_store_get(k->c->primary, k->item.namespace, k->item.name);
}

static void snapshot(struct bw_controller_key *k, const struct bw_kube_object *o)
{
	size_t len = o ? strnlen(o->uid, BW_KUBE_UID_MAX) : 0;

	k->generation = o ? o->generation : 0;
	k->deleting = o ? o->deleting : 0;
	if (len)
		memcpy(k->uid, o->uid, len);
	k->uid[len] = '\0';
}

/* Whether the object is what the run saw of it, as far as parking goes. */
static int unchanged(const struct bw_controller_key *k)
{
	const struct bw_kube_object *o = object_of(k);

	return o && o->generation == k->generation && o->deleting == k->deleting &&
	       !strcmp(o->uid, k->uid);
}

/* What the cache has of each object that is about to be written. */
static void see(struct bw_controller_key *k)
{
	for (struct bw_plan_step *s = k->plan->first; s; s = s->next) {
		const struct bw_kube_request *q = &s->request;
		const struct bw_kube_watcher *w;
		const struct bw_kube_object *o;

		if (s->is_event || s->is_exec || !q->kind || !q->name)
			continue;
		w = bw_kube_runtime_watcher(k->c->rt, NULL, q->kind, q->namespace);
		o = w ? bw_kube_store_get(w->store, q->namespace, q->name) : NULL;
		if (o)
			(void)snprintf(s->seen_rv, sizeof(s->seen_rv), "%s", o->rv); /* fits */
	}
}

/* A key that writes each time it runs waits longer and longer: somebody undoes what it does. */
static int64_t after_streak(const struct bw_controller_key *k)
{
	unsigned int n = k->streak > BW_STREAK_MAX ? k->streak - BW_STREAK_MAX : 0;

	if (!n)
		return 0;
	return STREAK_BASE_NS << (n < STREAK_DOUBLINGS_MAX ? n : STREAK_DOUBLINGS_MAX);
}

static void count(struct bw_controller_key *k, enum how how)
{
	const struct bw_controller_counters *n = &k->c->count;
	double s = (double)(now_ns(k) - k->item.started_at) / NS_PER_S;

	bw_metric_observe(n->time, s);
	bw_metric_observe(n->worked, s);
	switch (how) {
	case HOW_OK:
		bw_metric_add(k->plan && k->plan->requeue_ms >= 0 ? n->requeue_after : n->success,
			      1);
		break;
	case HOW_AGAIN:
	case HOW_CUT:
		bw_metric_add(n->requeue, 1);
		break;
	case HOW_PARK:
		bw_metric_add(n->terminal, 1);
		bw_metric_add(n->error, 1);
		bw_metric_add(n->errors, 1);
		break;
	case HOW_FAILED:
		bw_metric_add(n->error, 1);
		bw_metric_add(n->errors, 1);
		break;
	case HOW_MAX_:
		break;
	}
}

/* Ends the run; the key may be gone afterwards. */
static void finish(struct bw_controller_key *k, enum how how, int64_t wait_ns)
{
	struct bw_controller *c = k->c;
	int64_t now = now_ns(k);
	int64_t requeue_ms = k->plan ? k->plan->requeue_ms : -1;
	int more = how == HOW_AGAIN || (how == HOW_OK && k->wrote);

	if (how == HOW_PARK && !unchanged(k))
		how = HOW_CUT;
	count(k, how);
	bw_timer_stop(&k->deadline);
	k->step = NULL;
	k->streak = more ? k->streak + 1 : 0;
	bw_kube_queue_end(&c->queue, &k->item, queue_end[how], now);
	if (more)
		bw_kube_queue_ask(&c->queue, &k->item, BW_KEY_DEPENDENT, now + after_streak(k),
				  now);
	if (requeue_ms >= 0)
		bw_kube_queue_ask(&c->queue, &k->item, BW_KEY_DEPENDENT,
				  now + requeue_ms * NS_PER_MS, now);
	if (wait_ns) {
		k->item.not_before = now + wait_ns;
		bw_kube_queue_release(&c->queue, &k->item, now);
	}
	if (how == HOW_PARK)
		bw_kube_queue_park(&c->queue, &k->item);
	bw_gate_close(k);
	bw_plan_free(&k->plan);
	bw_controller_settle(c, k);
	bw_controller_pump(c);
	bw_kube_runtime_check_stop(c->rt);
}

/* Failures are told at the 1st, 2nd, 4th, 8th time. */
static void complain(const struct bw_controller_key *k, const char *what, const char *why)
{
	unsigned int n = k->item.failures;

	if ((n & (n - 1)) == 0)
		bw_log_warn(what, "controller", k->c->name, "namespace", k->item.namespace, "name",
			    k->item.name, "err", why);
}

static void tell_rejected(struct bw_controller_key *k, const struct bw_plan_step *s,
			  const char *message)
{
	const struct bw_kube_object *o = object_of(k);
	struct bw_kube_about about;
	char note[BW_PLAN_NOTE_MAX];

	complain(k, "the server refuses a write", message);
	if (!o)
		return;
	about = (struct bw_kube_about){ o->kind, o->namespace, o->name, o->uid, o->rv };
	(void)snprintf(note, sizeof(note), "%s %s %s: %s",
		       s->is_exec ? "exec" : bw_kube_verb_str(s->request.verb),
		       s->request.kind ? s->request.kind->kind : "",
		       s->request.name ? s->request.name : "",
		       message ? message : ""); /* a longer one is cut, ignoring */
	bw_kube_events_tell(k->c->rt->events, &about, BW_EVENT_WARNING, "WriteRejected", note);
}

static enum bw_plan_next judge(const struct bw_plan_step *s, const struct bw_kube_answer *a)
{
	if (s->done)
		return s->done(a, s->arg);
	if (a->result == BW_KUBE_OK ||
	    (a->result == BW_KUBE_NOT_FOUND && s->request.verb == BW_KUBE_DELETE))
		return BW_PLAN_GO_ON;
	return a->result == BW_KUBE_INVALID ? BW_PLAN_PARK : BW_PLAN_FAIL;
}

static enum bw_plan_next judge_exec(const struct bw_plan_step *s,
				    const struct bw_kube_podexec_answer *a)
{
	if (s->exec_done)
		return s->exec_done(a, s->arg);
	return a->result == BW_KUBE_OK && a->exit_code == 0 ? BW_PLAN_GO_ON : BW_PLAN_FAIL;
}

static void throttled(struct bw_controller_key *k, unsigned int retry_ms)
{
	int64_t d = (retry_ms ? retry_ms : 1000) * NS_PER_MS;

	finish(k, HOW_CUT, d + bw_kube_rand_below(&k->c->queue.rand, d / 2));
}

/* 1: the plan goes on with .step; 0: the run has ended. */
static int follow(struct bw_controller_key *k, enum bw_plan_next next, const char *message)
{
	struct bw_plan_step *s = k->step;

	switch (next) {
	case BW_PLAN_GO_ON:
		k->step = s->next;
		return 1;
	case BW_PLAN_DONE:
		finish(k, HOW_OK, 0);
		break;
	case BW_PLAN_AGAIN:
		finish(k, HOW_AGAIN, 0);
		break;
	case BW_PLAN_FAIL:
		complain(k, s->is_exec ? "a command failed" : "a write failed", message);
		finish(k, HOW_FAILED, 0);
		break;
	case BW_PLAN_PARK:
		tell_rejected(k, s, message);
		finish(k, HOW_PARK, 0);
		break;
	}
	return 0;
}

/* As follow(). */
static int answered(struct bw_controller_key *k, const struct bw_kube_answer *a)
{
	if (a->result == BW_KUBE_THROTTLED) {
		throttled(k, a->retry_ms);
		return 0;
	}
	if (bw_gate_note(k, k->step, a))
		k->wrote = 1;
	return follow(k, judge(k->step, a), a->message);
}

/* As follow(). */
static int exec_answered(struct bw_controller_key *k, const struct bw_kube_podexec_answer *a)
{
	if (a->result == BW_KUBE_THROTTLED) {
		throttled(k, a->retry_ms);
		return 0;
	}
	return follow(k, judge_exec(k->step, a), a->message);
}

static void advance(struct bw_controller_key *k);

static void on_answer(const struct bw_kube_answer *a, void *arg)
{
	struct bw_controller_key *k = arg;

	k->calling = 0;
	if (answered(k, a))
		advance(k);
}

static void on_exec(const struct bw_kube_podexec_answer *a, void *arg)
{
	struct bw_controller_key *k = arg;

	k->calling = 0;
	if (exec_answered(k, a))
		advance(k);
}

static void tell(struct bw_controller_key *k, const struct bw_plan_step *s)
{
	const struct bw_kube_object *o = object_of(k);
	struct bw_kube_about about = s->about;

	if (!about.kind) {
		if (!o)
			return; /* nothing is left to tell of */
		about = (struct bw_kube_about){ o->kind, o->namespace, o->name, o->uid, o->rv };
	}
	bw_kube_events_tell(k->c->rt->events, &about, s->type, s->reason, s->note);
}

/* A request that could not even be sent. */
static int unsent(struct bw_controller_key *k, int r, const struct bw_err *err)
{
	struct bw_kube_answer a = { .result = r == -EINVAL ? BW_KUBE_INVALID : BW_KUBE_REFUSED,
				    .reason = "",
				    .message = err->msg,
				    .body = "" };
	const struct bw_kube_podexec_answer x = { .result = a.result,
						  .exit_code = -1,
						  .reason = "",
						  .message = err->msg,
						  .out = "",
						  .errout = "" };

	return k->step->is_exec ? exec_answered(k, &x) : answered(k, &a);
}

static int send(struct bw_controller_key *k, struct bw_err *err)
{
	const struct bw_plan_step *s = k->step;

	if (s->is_exec) {
		k->exec = (struct bw_kube_podexec){ .done = on_exec, .arg = k };
		return bw_kube_podexec_start(k->c->rt->client, &s->exec, &k->exec, err);
	}
	k->call = (struct bw_kube_call){ .done = on_answer, .arg = k };
	return bw_kube_start(k->c->rt->client, &s->request, &k->call, err);
}

static void advance(struct bw_controller_key *k)
{
	struct bw_controller *c = k->c;
	struct bw_err err = { 0 };
	int r;

	while (k->step) {
		if (k->step->is_event) {
			tell(k, k->step);
			k->step = k->step->next;
			continue;
		}
		if (!c->rt->leading) {
			finish(k, HOW_CUT, 0);
			return;
		}
		r = send(k, &err);
		if (r == 0) {
			k->calling = 1;
			return;
		}
		if (!unsent(k, r, &err))
			return;
	}
	finish(k, HOW_OK, 0);
}

static void on_deadline(void *arg)
{
	struct bw_controller_key *k = arg;
	struct bw_kube_answer a = { .result = BW_KUBE_UNKNOWN,
				    .reason = "",
				    .message = "the key's time is over",
				    .body = "" };

	const struct bw_kube_podexec_answer x = { .result = a.result,
						  .exit_code = -1,
						  .reason = "",
						  .message = a.message,
						  .out = "",
						  .errout = "" };

	bw_metric_add(k->c->count.timeouts, 1);
	bw_controller_hang_up(k);
	/* It learns of it; the run fails all the same, ignoring. */
	(void)(k->step->is_exec ? judge_exec(k->step, &x) : judge(k->step, &a));
	complain(k, "a plan took too long", a.message);
	finish(k, HOW_FAILED, 0);
}

void bw_controller_hang_up(struct bw_controller_key *k)
{
	if (k->calling) {
		bw_kube_cancel(&k->call);
		bw_kube_podexec_cancel(&k->exec);
	}
	k->calling = 0;
}

void bw_controller_break_off(struct bw_controller_key *k)
{
	bw_controller_hang_up(k);
	finish(k, HOW_CUT, 0);
}

void bw_controller_run(struct bw_controller_key *k)
{
	struct bw_controller *c = k->c;
	struct bw_kube_object *o = object_of(k);
	struct bw_err err = { 0 };
	int r;

	k->wrote = 0;
	snapshot(k, o);
	bw_metric_observe(c->count.queued, (double)(now_ns(k) - k->item.due_at) / NS_PER_S);
	r = bw_plan_new(&k->plan, &err);
	if (r == 0)
		r = c->reconcile(k->item.namespace, k->item.name, o, k->plan, c->arg, &err);
	if (r == 0 && k->plan->failed)
		r = bw_fail(&err, -k->plan->failed, "make a plan");
	if (r == 0 && (k->plan->writes || k->plan->execs)) {
		see(k);
		r = bw_gate_reserve(k, k->plan->writes);
		bw_timer_init(&k->deadline, c->rt->loop, on_deadline, k);
		if (r == 0)
			r = bw_timer_set(&k->deadline, now_ns(k) + c->deadline_ns);
	}
	if (r < 0) {
		complain(k, "a reconcile failed", err.msg);
		finish(k, HOW_FAILED, 0);
		return;
	}
	k->step = k->plan->first;
	advance(k);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of plugins: judged, kept waiting, answered. */
#include <string.h>

#include <gen/net.h>

#include <bw/kube_client.h>
#include <bw/list.h>
#include <bw/log.h>
#include <bw/loop.h>

#include "serve.h"
#include "sock.h"

#define NS_PER_MS 1000000LL

/* A request that is not answered yet. */
struct wait {
	struct bw_list node;
	struct agent_serve *serve;
	struct agent_peer *peer;
	struct bw_agent_request req;
	struct agent_verdict verdict; /* the last one */
	struct bw_timer deadline;
	struct bw_kube_call call; /* the last look at the claim */
	int64_t since_ns;
};

struct agent_serve {
	struct agent_serve_env env;
	struct bw_list waits;
	struct bw_defer look;
	struct agent_serve_stat stat;
};

static void answer(struct agent_peer *peer, const struct bw_agent_reply *reply)
{
	bw_autofree char *line = NULL;
	struct bw_err err = { 0 };
	size_t size;

	if (bw_agent_reply_encode(reply, &line, &err) < 0) {
		bw_log_error("cannot write an answer", "err", err.msg);
		agent_peer_reply(peer, "", 0);
		return;
	}
	size = strlen(line);
	while (size && line[size - 1] == '\n')
		size--;
	agent_peer_reply(peer, line, size);
}

static void answer_err(struct agent_peer *peer, const struct bw_err *err)
{
	struct bw_agent_reply reply;

	bw_agent_reply_from_err(err, &reply);
	answer(peer, &reply);
}

static void answer_ok(struct agent_peer *peer)
{
	const struct bw_agent_reply reply = { .ok = 1 };

	answer(peer, &reply);
}

static void wait_free(struct wait *w)
{
	bw_kube_cancel(&w->call);
	bw_timer_stop(&w->deadline);
	bw_list_del(&w->node);
	w->serve->stat.waiting--;
	bw_agent_request_done(&w->req);
	free(w);
}

/* Answers by the last verdict and forgets. */
static void wait_end(struct wait *w)
{
	struct agent_serve *s = w->serve;
	const struct agent_verdict *v = &w->verdict;
	const struct bw_agent_reply ok = {
		.ok = 1, .uid = v->uid, .iface = w->req.ifname, .token = v->token
	};

	s->stat.wait_ms += (uint64_t)((bw_loop_now_ns(s->env.loop) - w->since_ns) / NS_PER_MS);
	if (v->what == AGENT_SERVED) {
		s->stat.served++;
		answer(w->peer, &ok);
	} else {
		s->stat.refused++;
		bw_log_warn("a claim is not served", "pod", w->req.name, "ns", w->req.ns, "claim",
			    v->name, "if", w->req.ifname, "err", v->err.msg);
		answer_err(w->peer, &v->err);
	}
	wait_free(w);
}

static void wait_judge(struct wait *w)
{
	struct agent_serve *s = w->serve;

	w->verdict = (struct agent_verdict){ 0 };
	s->env.judge(&w->req, &w->verdict, s->env.arg);
	if (w->verdict.what != AGENT_NOT_YET)
		wait_end(w);
}

/* Nobody made a claim in all that time, and nothing says from which pool: a person has to. */
static void say_no_pool(struct agent_verdict *v)
{
	v->what = AGENT_NEVER;
	(void)bw_reject(&v->err, BW_ERR_INVALID, EINVAL,
			"nothing names a pool for this pod: no annotation of its own, no claim, "
			"no default pool"); /* the answer is what counts, ignoring */
	bw_err_details(&v->err, "annotate the pod or its namespace with "
				"net.barewire.dev/network: POOL, or set default: true in one "
				"NetworkPool");
}

static void say_no_claim(struct agent_verdict *v)
{
	(void)bw_reject(&v->err, BW_ERR_BUSY, EAGAIN, "there is no claim %s/%.200s", v->ns,
			v->name); /* the answer is what counts, ignoring */
	bw_err_details(&v->err, "the controller makes it for a pod whose annotations, namespace or "
				"default pool name a pool; is barewire-controller running?");
}

static void on_explained(const struct bw_kube_answer *a, void *arg)
{
	struct wait *w = arg;
	struct agent_verdict *v = &w->verdict;

	if (a->result == BW_KUBE_OK)
		agent_explain(a->body, a->body_size, w->serve->env.node, v);
	else if (a->result == BW_KUBE_NOT_FOUND && v->no_pool)
		say_no_pool(v);
	else if (a->result == BW_KUBE_NOT_FOUND)
		say_no_claim(v);
	wait_end(w);
}

/* Its time is over: one look at the claim itself, which the node's watch may not show. */
static void on_deadline(void *arg)
{
	struct wait *w = arg;
	const struct agent_verdict *v = &w->verdict;
	struct bw_kube_request req = { .verb = BW_KUBE_GET,
				       .kind = &bw_kind_networkclaim,
				       .namespace = v->ns,
				       .name = v->name,
				       .timeout_ms = AGENT_EXPLAIN_MS };
	struct bw_err err = { 0 };

	if (v->uid[0] || !v->name[0] ||
	    bw_kube_start(w->serve->env.client, &req, &w->call, &err) < 0)
		wait_end(w); /* it is known, or cannot be asked for */
}

static void on_claim(struct agent_serve *s, struct agent_peer *peer, struct bw_agent_request *req)
{
	struct wait *w = calloc(1, sizeof(*w));
	struct bw_err err = { 0 };
	uint32_t ms = req->wait_ms;

	if (!w) {
		(void)bw_reject(&err, BW_ERR_BUSY, ENOMEM, "the agent is out of memory");
		answer_err(peer, &err);
		return;
	}
	w->serve = s;
	w->peer = peer;
	w->req = *req;
	*req = (struct bw_agent_request){ 0 }; /* it is the wait's now */
	w->since_ns = bw_loop_now_ns(s->env.loop);
	w->call.done = on_explained;
	w->call.arg = w;
	bw_timer_init(&w->deadline, s->env.loop, on_deadline, w);
	bw_list_add_tail(&s->waits, &w->node);
	s->stat.waiting++;
	if (ms > BW_AGENT_WAIT_MAX_MS)
		ms = BW_AGENT_WAIT_MAX_MS;
	if (bw_timer_set(&w->deadline, w->since_ns + ms * NS_PER_MS) < 0) {
		(void)bw_reject(&w->verdict.err, BW_ERR_BUSY, ENOMEM, "the agent is out of memory");
		w->verdict.what = AGENT_NEVER;
		wait_end(w);
		return;
	}
	wait_judge(w);
}

static void on_status(struct agent_serve *s, struct agent_peer *peer, struct bw_agent_request *req)
{
	struct bw_err err = { 0 };

	(void)req;
	if (s->env.status(s->env.arg, &err) < 0)
		answer_err(peer, &err);
	else
		answer_ok(peer);
}

static void on_nudge(struct agent_serve *s, struct agent_peer *peer, struct bw_agent_request *req)
{
	(void)req;
	s->env.nudge(s->env.arg);
	answer_ok(peer);
}

typedef void (*op_fn)(struct agent_serve *s, struct agent_peer *peer, struct bw_agent_request *req);

static const op_fn ops[] = {
	[BW_AGENT_CLAIM] = on_claim,
	[BW_AGENT_STATUS] = on_status,
	[BW_AGENT_NUDGE] = on_nudge,
};
_Static_assert(BW_ARRAY_SIZE(ops) == BW_AGENT_OP_MAX_, "an operation without a function");

static void on_line(struct agent_peer *peer, const char *line, size_t size, void *arg)
{
	struct agent_serve *s = arg;
	struct bw_agent_request req = { 0 };
	struct bw_err err = { 0 };

	if (bw_agent_request_decode(line, size, &req, &err) < 0) {
		s->stat.refused++;
		answer_err(peer, &err);
	} else {
		ops[req.op](s, peer, &req);
	}
	bw_agent_request_done(&req);
}

static void on_gone(struct agent_peer *peer, void *arg)
{
	struct agent_serve *s = arg;

	bw_list_for_each (node, &s->waits) {
		struct wait *w = bw_list_entry(node, struct wait, node);

		if (w->peer != peer)
			continue;
		s->stat.gave_up++;
		wait_free(w);
		return;
	}
}

const struct agent_sock_ops agent_serve_ops = { .line = on_line, .gone = on_gone };

static void look(void *arg)
{
	struct agent_serve *s = arg;

	bw_list_for_each (node, &s->waits) {
		struct wait *w = bw_list_entry(node, struct wait, node);

		if (!w->call.client)
			wait_judge(w);
	}
}

void agent_serve_look(struct agent_serve *s)
{
	if (!bw_list_empty(&s->waits))
		bw_defer_call(&s->look);
}

int agent_serve_new(const struct agent_serve_env *env, struct agent_serve **ret, struct bw_err *err)
{
	struct agent_serve *s = calloc(1, sizeof(*s));

	if (!s)
		return bw_fail(err, ENOMEM, "make the server");
	s->env = *env;
	bw_list_init(&s->waits);
	bw_defer_init(&s->look, env->loop, look, s);
	*ret = s;
	return 0;
}

void agent_serve_free(struct agent_serve **s)
{
	if (!*s)
		return;
	bw_list_for_each (node, &(*s)->waits)
		wait_free(bw_list_entry(node, struct wait, node));
	bw_defer_stop(&(*s)->look);
	free(*s);
	*s = NULL;
}

const struct agent_serve_stat *agent_serve_stat(const struct agent_serve *s)
{
	return &s->stat;
}

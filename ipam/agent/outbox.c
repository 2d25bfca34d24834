/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements on their way to the cluster. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <gen/net.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/journal_claim.h>
#include <bw/json.h>
#include <bw/kube_client.h>
#include <bw/log.h>
#include <bw/loop.h>

#include "outbox.h"

#define NS_PER_MS 1000000LL
#define TIME_MAX 32 /* characters of an RFC 3339 time */
#define CALL_MS 10000
#define READY_MS 3000
#define POLICY "ValidatingAdmissionPolicy" /* in the message of a refusal by one */

struct agent_outbox {
	struct agent_outbox_env env;
	struct bw_kube_call call;
	struct bw_defer kick;
	struct bw_timer timer;
	int64_t seq; /* of the row in flight */
	int64_t after; /* rows up to here were looked at in this round */
	enum bw_outbox_kind kind;
	unsigned int backoff_ms; /* 0 = the last call was answered */
	int64_t ready_ns; /* when the API server last answered; 0 = never */
	int64_t hold_until_ns; /* the soonest end of a hold in this round; 0 = none */
	int refused; /* some row was, in this round */
	int asked; /* kicked while a call was in flight */
	struct agent_outbox_stat stat;
	uint64_t token;
	char uid[BW_CLAIM_UID_MAX + 1];
	char ns[BW_CLAIM_NS_MAX + 1];
	char name[BW_CLAIM_NAME_MAX + 1];
};

static void drain(void *arg);
static void back_off(struct agent_outbox *o, unsigned int wish_ms);

static void wake_at(struct agent_outbox *o, int64_t ns)
{
	if (bw_timer_set(&o->timer, ns) < 0)
		bw_log_error("out of memory: acknowledgements wait for the next one");
}

static void wake_in(struct agent_outbox *o, unsigned int ms)
{
	wake_at(o, bw_loop_now_ns(o->env.loop) + ms * NS_PER_MS);
}

/* What the body of a row says. Texts are the tree's. */
struct ack {
	const char *ns;
	const char *name;
	const char *mac;
};

static const struct bw_json_field ack_fields[] = {
	BW_JSON_FIELD(STR, struct ack, ns, "namespace", .flags = BW_JSON_F_REQUIRED, .min = 1,
		      .max = BW_CLAIM_NS_MAX),
	BW_JSON_FIELD(STR, struct ack, name, "name", .flags = BW_JSON_F_REQUIRED, .min = 1,
		      .max = BW_CLAIM_NAME_MAX),
	BW_JSON_FIELD(STR, struct ack, mac, "mac", .max = BW_MAC_STR_MAX),
};
static const struct bw_json_table ack_table = BW_JSON_TABLE(ack_fields);

static const char *time_text(int64_t real_s, char ret[TIME_MAX])
{
	time_t t = (time_t)real_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(ret, TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "1970-01-01T00:00:00Z";
	return ret;
}

/* I2: nothing but the node's own fields. */
static int body_of(struct agent_outbox *o, const struct bw_outbox_row *row, const struct ack *ack,
		   char **ret, struct bw_err *err)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *tree = NULL;
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *status, *attached;
	char since[TIME_MAX];
	int r;

	bw_json_put_str(&b, bw_json_put_object(&b, root, "metadata"), "uid", row->uid);
	status = bw_json_put_object(&b, root, "status");
	if (row->kind == BW_OUTBOX_DETACHED) {
		bw_json_put_uint(&b, status, "detachedToken", row->token);
	} else {
		attached = bw_json_put_object(&b, status, "attached");
		bw_json_put_str(&b, attached, "node", o->env.node);
		bw_json_put_uint(&b, attached, "token", row->token);
		if (ack->mac && ack->mac[0])
			bw_json_put_str(&b, attached, "mac", ack->mac);
		bw_json_put_str(&b, attached, "since", time_text(row->since_s, since));
	}
	r = bw_json_build_take(&b, &tree, err);
	return r < 0 ? r : bw_json_print(tree, 0, ret, err);
}

static void log_answer(const struct agent_outbox *o, const char *msg,
		       const struct bw_kube_answer *a)
{
	bw_log_warn(msg, "claim", o->uid, "kind", bw_outbox_kind_str(o->kind), "result",
		    bw_kube_result_str(a->result), "err", a->message);
}

/* How an answer is dealt with; what is not here is tried again after a back-off. */
enum verdict { SENT, DROP, LATER, LOOK, AGAIN };

static enum verdict judge(enum bw_outbox_kind kind, const struct bw_kube_answer *a)
{
	switch (a->result) {
	case BW_KUBE_OK:
		return SENT;
	case BW_KUBE_NOT_FOUND: /* the claim is gone, and with it who asked */
	case BW_KUBE_CONFLICT: /* another claim has its name */
	case BW_KUBE_INVALID: /* the token is past: a higher one is written */
	case BW_KUBE_GONE:
		return DROP;
	case BW_KUBE_FORBIDDEN:
		/*
		 * By the policy: not the holder any more, so never attached; but that it left must
		 * be heard by who waits for it (I5). By missing rights: those come back (a server
		 * that starts has none yet).
		 */
		if (!strstr(a->message, POLICY))
			return LATER;
		return kind == BW_OUTBOX_ATTACHED ? DROP : LOOK;
	case BW_KUBE_EXISTS:
	case BW_KUBE_TOO_NEW:
	case BW_KUBE_UNAUTHORIZED:
	case BW_KUBE_THROTTLED:
	case BW_KUBE_REFUSED:
	case BW_KUBE_UNKNOWN:
	case BW_KUBE_RESULT_MAX_:
		break;
	}
	return AGAIN;
}

static void settle(struct agent_outbox *o, enum verdict v)
{
	struct bw_err err = { 0 };
	int r = v == SENT ? bw_journal_outbox_sent(o->env.journal, o->seq, &err)
			  : bw_journal_outbox_drop(o->env.journal, o->seq, &err);

	if (r < 0) /* it is sent once more, which changes nothing (I2) */
		bw_log_error("cannot strike an acknowledgement off the journal", "err", err.msg);
	o->stat.sent += v == SENT;
	o->stat.dropped += v == DROP;
}

static void back_off(struct agent_outbox *o, unsigned int wish_ms)
{
	unsigned int ms = o->backoff_ms ? o->backoff_ms * 2 : AGENT_OUTBOX_BACKOFF_MIN_MS;

	if (ms > AGENT_OUTBOX_BACKOFF_MAX_MS)
		ms = AGENT_OUTBOX_BACKOFF_MAX_MS;
	o->backoff_ms = ms;
	o->stat.failed++;
	wake_in(o, wish_ms > ms ? wish_ms : ms);
}

/* Nothing was done with it: no connection, or the server turned it away at the door. */
static void unsend(struct agent_outbox *o, enum bw_kube_result result)
{
	struct bw_err err = { 0 };

	if ((result == BW_KUBE_REFUSED || result == BW_KUBE_THROTTLED) &&
	    bw_journal_outbox_unsent(o->env.journal, o->seq, &err) < 0)
		bw_log_error("cannot note that an acknowledgement did not leave", "err", err.msg);
}

static void on_ready(const struct bw_kube_answer *a, void *arg)
{
	struct agent_outbox *o = arg;

	if (a->result != BW_KUBE_OK) {
		if (!o->backoff_ms)
			bw_log_warn("the API server is not ready, acknowledgements wait", "err",
				    a->message);
		back_off(o, a->retry_ms);
		return;
	}
	o->ready_ns = bw_loop_now_ns(o->env.loop);
	drain(o);
}

/* I4. 1 asked; 0 it has just answered; -errno. */
static int ask_ready(struct agent_outbox *o, struct bw_err *err)
{
	const struct bw_kube_request req = { .verb = BW_KUBE_RAW,
					     .path = "/readyz",
					     .timeout_ms = READY_MS };
	int r;

	if (o->ready_ns &&
	    bw_loop_now_ns(o->env.loop) - o->ready_ns < AGENT_OUTBOX_FRESH_MS * NS_PER_MS)
		return 0;
	o->call.done = on_ready;
	r = bw_kube_start(o->env.client, &req, &o->call, err);
	return r < 0 ? r : 1;
}

/* Whether the claim went on without this node: a fence let it go, and its token is a higher one. */
static int is_past(const struct agent_outbox *o, const struct bw_kube_answer *a)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };

	if (a->result == BW_KUBE_NOT_FOUND)
		return 1;
	if (a->result != BW_KUBE_OK || bw_net_claim_decode(a->body, a->body_size, &claim, NULL) < 0)
		return 0;
	return strcmp(claim.meta.uid, o->uid) != 0 ||
	       (claim.status.has_holder && claim.status.holder.token > 0 &&
		(uint64_t)claim.status.holder.token > o->token);
}

static void finish(struct agent_outbox *o, enum verdict v)
{
	o->backoff_ms = 0;
	o->ready_ns = bw_loop_now_ns(o->env.loop);
	if (v == LATER) {
		o->refused = 1;
		o->stat.failed++;
	} else {
		settle(o, v);
	}
	o->after = o->seq;
	drain(o);
}

static void on_looked(const struct bw_kube_answer *a, void *arg)
{
	struct agent_outbox *o = arg;

	finish(o, is_past(o, a) ? DROP : LATER);
}

/* I5. Does anybody wait for it? 0 asked; -errno. */
static int look_into(struct agent_outbox *o)
{
	const struct bw_kube_request req = { .verb = BW_KUBE_GET,
					     .kind = &bw_kind_networkclaim,
					     .namespace = o->ns,
					     .name = o->name,
					     .timeout_ms = CALL_MS };
	struct bw_err err = { 0 };

	o->call.done = on_looked;
	return bw_kube_start(o->env.client, &req, &o->call, &err);
}

static void on_done(const struct bw_kube_answer *a, void *arg)
{
	struct agent_outbox *o = arg;
	enum verdict v = judge(o->kind, a);

	if (v == AGAIN) {
		o->ready_ns = 0;
		unsend(o, a->result);
		if (!o->backoff_ms)
			log_answer(o, "cannot acknowledge, will try again", a);
		back_off(o, a->retry_ms);
		return;
	}
	if (v == DROP)
		log_answer(o, "nobody takes this acknowledgement any more", a);
	else if (v != SENT)
		log_answer(o, "an acknowledgement was refused", a);
	if (v == LOOK && look_into(o) == 0)
		return;
	finish(o, v == LOOK ? LATER : v);
}

static int send_row(struct agent_outbox *o, const struct bw_outbox_row *row, const struct ack *ack,
		    struct bw_err *err)
{
	bw_autofree char *body = NULL;
	struct bw_kube_request req = { .verb = BW_KUBE_MERGE,
				       .kind = &bw_kind_networkclaim,
				       .namespace = ack->ns,
				       .name = ack->name,
				       .subresource = "status",
				       .manager = "barewire-agent",
				       .timeout_ms = CALL_MS };
	int r = ask_ready(o, err);

	if (r != 0)
		return r;
	r = body_of(o, row, ack, &body, err);
	if (r < 0)
		return r;
	o->call.done = on_done;
	r = bw_journal_outbox_sending(o->env.journal, row->seq, err);
	if (r <= 0)
		return r; /* 0: taken back this moment */
	req.body = body;
	req.body_size = strlen(body);
	o->seq = row->seq;
	o->kind = row->kind;
	o->token = row->token;
	/* All fit. */
	(void)snprintf(o->uid, sizeof(o->uid), "%s", row->uid);
	(void)snprintf(o->ns, sizeof(o->ns), "%s", ack->ns);
	(void)snprintf(o->name, sizeof(o->name), "%s", ack->name);
	r = bw_kube_start(o->env.client, &req, &o->call, err);
	return r < 0 ? r : 1;
}

/* I3. Whether the row waits; notes until when. */
static int is_held(struct agent_outbox *o, const struct bw_outbox_row *row, const struct ack *ack)
{
	int64_t age_ms = (bw_loop_real_s(o->env.loop) - row->since_s) * 1000;
	int64_t until;

	if (row->kind != BW_OUTBOX_DETACHED || row->sending)
		return 0;
	if (age_ms >= AGENT_OUTBOX_HOLD_MS || age_ms < 0)
		return 0;
	if (o->env.is_wanted && o->env.is_wanted(ack->ns, ack->name, row->uid, o->env.arg))
		return 0;
	until = bw_loop_now_ns(o->env.loop) + (AGENT_OUTBOX_HOLD_MS - age_ms) * NS_PER_MS;
	if (!o->hold_until_ns || until < o->hold_until_ns)
		o->hold_until_ns = until;
	return 1;
}

/* 1 ends the walk: a call is under way. */
static int look(const struct bw_outbox_row *row, void *arg, struct bw_err *err)
{
	struct agent_outbox *o = arg;
	bw_autojson struct cJSON *tree = NULL;
	struct ack ack = { 0 };
	int r;

	o->stat.waiting++;
	r = bw_json_parse(row->body, strlen(row->body), &tree, err);
	if (r == 0)
		r = bw_json_decode(tree, &ack_table, NULL, &ack, err);
	if (r == -ENOMEM)
		return r;
	if (r < 0) { /* nobody can ever send it */
		bw_log_error("an acknowledgement in the journal is unreadable", "claim", row->uid,
			     "err", err->msg);
		o->seq = row->seq;
		settle(o, DROP);
		r = 0;
	} else if (!is_held(o, row, &ack)) {
		r = send_row(o, row, &ack, err);
	}
	if (r != 1)
		o->after = row->seq;
	return r;
}

/* Nothing more to send in this round: when is the next? */
static void rest(struct agent_outbox *o)
{
	int asked = o->asked;

	o->after = 0;
	o->asked = 0;
	if (asked)
		bw_defer_call(&o->kick);
	else if (o->hold_until_ns)
		wake_at(o, o->hold_until_ns);
	else
		wake_in(o, o->refused ? AGENT_OUTBOX_REFUSED_MS : AGENT_OUTBOX_AGAIN_MS);
	o->refused = 0;
	o->hold_until_ns = 0;
}

static void drain(void *arg)
{
	struct agent_outbox *o = arg;
	struct bw_err err = { 0 };
	int r;

	if (o->call.client) {
		o->asked = 1;
		return;
	}
	bw_timer_stop(&o->timer);
	if (!o->after)
		o->stat.waiting = 0;
	r = bw_journal_outbox_each(o->env.journal, o->after, look, o, &err);
	if (r == 1)
		return;
	if (r == 0) {
		rest(o);
		return;
	}
	bw_log_error("cannot send acknowledgements", "err", err.msg);
	o->after = 0;
	back_off(o, 0);
}

static void on_timer(void *arg)
{
	struct agent_outbox *o = arg;

	o->after = 0;
	drain(o);
}

static void on_kick(void *arg)
{
	struct agent_outbox *o = arg;

	/* While the cluster does not answer, the timer alone tries. */
	if (o->backoff_ms && bw_timer_is_set(&o->timer))
		return;
	drain(o);
}

void agent_outbox_kick(struct agent_outbox *o)
{
	bw_defer_call(&o->kick);
}

void agent_outbox_online(struct agent_outbox *o)
{
	if (o->backoff_ms && !o->call.client) {
		bw_timer_stop(&o->timer);
		o->after = 0;
	}
	agent_outbox_kick(o);
}

int agent_outbox_new(const struct agent_outbox_env *env, struct agent_outbox **ret,
		     struct bw_err *err)
{
	struct agent_outbox *o = calloc(1, sizeof(*o));

	if (!o)
		return bw_fail(err, ENOMEM, "make the outbox");
	o->env = *env;
	o->call.done = on_done;
	o->call.arg = o;
	bw_timer_init(&o->timer, env->loop, on_timer, o);
	bw_defer_init(&o->kick, env->loop, on_kick, o);
	*ret = o;
	return 0;
}

void agent_outbox_free(struct agent_outbox **o)
{
	if (!*o)
		return;
	bw_kube_cancel(&(*o)->call);
	bw_timer_stop(&(*o)->timer);
	bw_defer_stop(&(*o)->kick);
	free(*o);
	*o = NULL;
}

const struct agent_outbox_stat *agent_outbox_stat(const struct agent_outbox *o)
{
	return &o->stat;
}

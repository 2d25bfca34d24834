/* SPDX-License-Identifier: Apache-2.0 */
/* Which cluster this is, how far its epoch is, and which Node it takes this one for. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/kube_client.h>
#include <bw/kube_http.h>
#include <bw/kube_text.h>
#include <bw/log.h>

#include "agent.h"
#include "cluster.h"

#define NS_PER_MS 1000000LL
#define CALL_MS 10000
#define AGAIN_MIN_MS 500
#define AGAIN_MAX_MS 30000
#define SELF_MS 300000 /* who we are is asked again: a kubelet renews tokens by itself */
#define DOUBT_MS 10000 /* and so while a claim is held by another Node of our name */
#define DOUBT_MAX 90 /* questions in a row: longer than a token of the DaemonSet lives */
#define ANN_RESTORED "net.barewire.dev/restored-from" /* a leader's word, until it is healed */
#define ANN_LAST "net.barewire.dev/last-restore" /* the same word ever after */
#define LOST_MAX 24 /* of an epoch's digits */
#define EXTRA_UID "authentication.kubernetes.io/node-uid"
#define EXTRA_NAME "authentication.kubernetes.io/node-name"

static const struct bw_kube_kind kind_review = { "authentication.k8s.io", "v1",
						 "selfsubjectreviews", "SelfSubjectReview", 0 };

/* What is asked at the start, one after the other; the second is asked again and again. */
enum step { STEP_VERSION, STEP_SELF, STEP_DONE };

struct agent_cluster {
	struct agent *a;
	struct bw_kube_call call;
	struct bw_timer again;
	unsigned int wait_ms;
	unsigned int doubts; /* questions left that come sooner */
	int64_t asked_ns; /* who we are */
	enum step step;
	uint8_t seen; /* the next two are of what the watch showed last */
	uint64_t epoch;
	char lost[LOST_MAX]; /* to the last restore; "" = none is known */
	const struct agent_cluster_ops *ops;
	void *arg;
};

static void start(void *arg);

static void wait(struct agent_cluster *c, int64_t at)
{
	if (bw_timer_set(&c->again, at) < 0)
		bw_log_error("out of memory: the API server is not asked again");
}

static void later(struct agent_cluster *c)
{
	c->wait_ms = c->wait_ms ? c->wait_ms * 2 : AGAIN_MIN_MS;
	if (c->wait_ms > AGAIN_MAX_MS)
		c->wait_ms = AGAIN_MAX_MS;
	wait(c, bw_loop_now_ns(c->a->loop) + c->wait_ms * NS_PER_MS);
}

/* First value of an extra of the caller; 0 when it is there. */
static int extra(struct bw_kube_slice doc, const char *key, char *ret, size_t size)
{
	bw_autojson struct cJSON *tree = NULL;
	struct bw_kube_slice list;
	const char *text;
	struct bw_err err = { 0 };
	int r = bw_kube_text_get(doc, &list, "status", "userInfo", "extra", key, NULL);

	if (r < 0)
		return r;
	r = bw_json_parse(list.p, list.size, &tree, &err);
	if (r < 0)
		return r;
	text = cJSON_GetStringValue(cJSON_GetArrayItem(tree, 0));
	if (!text || (size_t)snprintf(ret, size, "%s", text) >= size)
		return -EINVAL;
	return 0;
}

static void put_cluster(struct agent *a)
{
	struct bw_err err = { 0 };

	if (bw_journal_cluster_put(a->journal, &a->cluster, &err) < 0)
		bw_log_error("cannot remember the cluster", "err", err.msg);
}

static void take_self(struct agent_cluster *c, const struct bw_kube_answer *answer)
{
	struct agent *a = c->a;
	const struct bw_kube_slice doc = { answer->body, answer->body_size };
	char uid[BW_CLAIM_UID_MAX + 1];
	char name[BW_CLAIM_NAME_MAX + 1];

	if (extra(doc, EXTRA_NAME, name, sizeof(name)) == 0 && strcmp(name, a->conf->node) != 0)
		bw_log_error("the API server knows this agent as another node's", "node",
			     a->conf->node, "known-as", name);
	if (extra(doc, EXTRA_UID, uid, sizeof(uid)) < 0)
		return; /* a person's credentials: holders cannot be told by UID */
	if (strcmp(a->node_uid, uid) == 0)
		return;
	(void)snprintf(a->node_uid, sizeof(a->node_uid), "%s", uid); /* fits */
	if (strcmp(a->cluster.node_uid, uid) != 0) {
		if (a->cluster.node_uid[0])
			bw_log_warn("this node's Node object is another one than before", "before",
				    a->cluster.node_uid, "now", uid);
		(void)snprintf(a->cluster.node_uid, sizeof(a->cluster.node_uid), "%s", uid);
		put_cluster(a);
	}
	c->doubts = 0;
	c->ops->renamed(c->arg);
}

static void ask_self_later(struct agent_cluster *c)
{
	c->step = STEP_SELF;
	wait(c, c->asked_ns + (c->doubts ? DOUBT_MS : SELF_MS) * NS_PER_MS);
	if (c->doubts)
		c->doubts--;
}

void agent_cluster_doubt(struct agent_cluster *c)
{
	if (!c)
		return;
	/* Before the first answer, while one is under way and after a failure it comes anyway. */
	c->doubts = DOUBT_MAX;
	if (c->step == STEP_SELF && !c->wait_ms && bw_timer_is_set(&c->again))
		wait(c, c->asked_ns + DOUBT_MS * NS_PER_MS);
}

/* "33", or "33+" as some providers have it. */
static unsigned int minor_of(const struct bw_kube_answer *answer)
{
	struct bw_kube_slice in = { answer->body, answer->body_size };
	char text[16];

	if (bw_kube_text_get(in, &in, "minor", NULL) < 0 ||
	    bw_kube_text_str(in, text, sizeof(text)) < 0)
		return BW_KUBE_MINOR_MIN;
	return (unsigned int)strtoul(text, NULL, 10);
}

static void on_answer(const struct bw_kube_answer *answer, void *arg)
{
	struct agent_cluster *c = arg;
	struct bw_err err = { 0 };

	if (answer->result != BW_KUBE_OK && (c->step == STEP_VERSION || answer->http == 0)) {
		later(c);
		return;
	}
	c->wait_ms = 0;
	c->a->contact = 1;
	if (c->step == STEP_VERSION &&
	    bw_kube_version_check(answer->body, answer->body_size, &err) < 0) {
		c->ops->too_old(err.msg, c->arg);
		return;
	}
	if (c->step == STEP_VERSION)
		c->ops->version(minor_of(answer), c->arg);
	if (c->step == STEP_SELF && answer->result == BW_KUBE_OK)
		take_self(c, answer);
	c->step++;
	if (c->step == STEP_DONE)
		ask_self_later(c);
	else
		start(c);
}

static void start(void *arg)
{
	static const char review[] = "{\"apiVersion\":\"authentication.k8s.io/v1\","
				     "\"kind\":\"SelfSubjectReview\"}";
	const struct bw_kube_request reqs[] = {
		[STEP_VERSION] = { .verb = BW_KUBE_RAW, .path = "/version", .timeout_ms = CALL_MS },
		[STEP_SELF] = { .verb = BW_KUBE_CREATE,
				.kind = &kind_review,
				.timeout_ms = CALL_MS,
				.body = review,
				.body_size = sizeof(review) - 1 },
	};
	struct agent_cluster *c = arg;
	struct bw_err err = { 0 };

	if (c->step == STEP_SELF)
		c->asked_ns = bw_loop_now_ns(c->a->loop);
	if (bw_kube_start(c->a->client, &reqs[c->step], &c->call, &err) < 0)
		later(c);
}

/* A past that differs: what the journal has is published, and nothing is given up. */
static void suspect(struct agent *a, const char *why)
{
	if (!a->restore_suspected)
		bw_log_error("the API server seems to be restored from a backup", "why", why);
	a->restore_suspected = 1;
}

/*
 * A restore that the watch has not simply come through: an epoch that goes back, or a note that was
 * not there. The note stays, for who finds the server again when all is healed and its revisions
 * have caught up. At the start stores are new: they are in doubt while it goes on.
 */
static int is_other_past(struct agent_cluster *c, const struct bw_net_epoch *e)
{
	const char *now = bw_kube_annotation(&e->meta, ANN_RESTORED);
	const char *last = bw_kube_annotation(&e->meta, ANN_LAST);
	uint64_t epoch = (uint64_t)e->spec.epoch;
	char lost[LOST_MAX];
	int r = !c->seen && now;

	(void)snprintf(lost, sizeof(lost), "%s", now ? now : last ? last : ""); /* cut is fine */
	if (c->seen)
		r = epoch < c->epoch || strcmp(lost, c->lost) != 0;
	c->seen = 1;
	c->epoch = epoch;
	memcpy(c->lost, lost, sizeof(lost));
	return r;
}

static void take_epoch(struct agent *a, const struct bw_net_epoch *e)
{
	struct bw_journal_cluster *j = &a->cluster;
	uint64_t epoch = (uint64_t)e->spec.epoch;
	int known = j->id[0] && strcmp(j->id, e->spec.cluster_id) == 0;

	if (j->id[0] && !known)
		bw_log_error("this is another cluster than before", "before", j->id, "now",
			     e->spec.cluster_id);
	if (known && epoch < j->epoch)
		suspect(a, "its epoch is lower than this node has seen");
	else if (bw_kube_annotation(&e->meta, ANN_RESTORED))
		suspect(a, "a leader has noticed it"); /* who asks for what lives here */
	else if (known && epoch > j->epoch)
		a->restore_suspected = 0; /* looked at anew: what is still unknown says so again */
	if (!a->bind_epoch)
		a->bind_epoch = epoch;
	if (known && epoch <= j->epoch)
		return;
	j->epoch = epoch;
	(void)snprintf(j->id, sizeof(j->id), "%s", e->spec.cluster_id); /* the schema bounds it */
	put_cluster(a);
}

static void on_epoch(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct agent_cluster *c = arg;
	struct agent *a = c->a;
	struct bw_net_epoch e = { 0 };
	struct bw_err err = { 0 };
	int was = a->restore_suspected;
	int other = 0;

	(void)old;
	if (!now)
		return;
	if (bw_net_epoch_decode(now->text, now->size, &e, &err) < 0) {
		bw_log_warn("cannot read the epoch, ignoring it", "err", err.msg);
	} else {
		other = is_other_past(c, &e);
		take_epoch(a, &e);
	}
	bw_net_epoch_done(&e);
	if (other)
		c->ops->restored(c->arg);
	if (was != a->restore_suspected)
		c->ops->suspects(c->arg);
}

/* Without a reason to say more it stands still: a write of every node a minute is a high price. */
uint64_t agent_cluster_epoch(const struct agent *a)
{
	return a->restore_suspected ? a->cluster.epoch : a->bind_epoch;
}

int agent_cluster_new(struct agent *a, const struct agent_cluster_ops *ops, void *arg,
		      struct agent_cluster **ret, struct bw_err *err)
{
	struct agent_cluster *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bw_fail(err, ENOMEM, "prepare to ask the API server who it is");
	c->a = a;
	c->ops = ops;
	c->arg = arg;
	c->call.done = on_answer;
	c->call.arg = c;
	bw_timer_init(&c->again, a->loop, start, c);
	(void)snprintf(a->node_uid, sizeof(a->node_uid), "%s", a->conf->node_uid); /* bounded */
	r = bw_journal_cluster_get(a->journal, &a->cluster, err);
	if (r >= 0)
		r = bw_kube_store_on_change(a->epochs, on_epoch, c, err);
	if (r < 0) {
		free(c);
		return r;
	}
	start(c);
	*ret = c;
	return 0;
}

void agent_cluster_free(struct agent_cluster **c)
{
	if (!*c)
		return;
	bw_kube_cancel(&(*c)->call);
	bw_timer_stop(&(*c)->again);
	free(*c);
	*c = NULL;
}

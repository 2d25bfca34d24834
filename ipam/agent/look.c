/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at attachments: the dead are collected, differences reported. */
#include <stdio.h>
#include <string.h>

#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/kube_controller.h>
#include <bw/log.h>
#include <bw/netns.h>

#include "agent.h"
#include "differ.h"
#include "inventory.h"
#include "look.h"
#include "ns.h"
#include "ports.h"
#include "run.h"
#include "trim.h"

#define NS_PER_MS 1000000LL
#define ENV_MAX 512
#define SOON_MS 1000
#define WAITS_S 30 /* an acknowledgement that is older does not get through */
#define PROGRAMS_DIR "/opt/cni/bin"

int agent_suspects_note(struct agent_suspects *s, int64_t id, int64_t now_ns)
{
	for (size_t i = 0; i < s->n; i++) {
		struct agent_suspect *k = &s->list[i];

		if (k->id != id)
			continue;
		k->seen_ns = now_ns;
		return now_ns - k->since_ns >= AGENT_LOOK_MS * NS_PER_MS;
	}
	if (s->n < AGENT_DEAD_MAX)
		s->list[s->n++] =
			(struct agent_suspect){ .id = id, .since_ns = now_ns, .seen_ns = now_ns };
	return 0;
}

void agent_suspects_end(struct agent_suspects *s, int64_t now_ns)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].seen_ns == now_ns)
			s->list[n++] = s->list[i];
	s->n = n;
}

/* What the plugin needs to take an attachment away. */
struct dead {
	struct bw_list node;
	char container_id[BW_CNI_CID_MAX + 1];
	char ifname[BW_CNI_IFNAME_MAX + 1];
	char network[BW_CNI_NAME_MAX + 1];
	char program[32];
	char pod[BW_JOURNAL_KEY_MAX + 1];
};

struct agent_look {
	struct agent *a;
	struct bw_timer timer;
	struct agent_suspects suspects;
	struct bw_list dead; /* to be collected, one at a time */
	struct agent_run run;
	struct agent_differences told; /* of the last look */
	struct agent_differences found; /* of this one */
	struct agent_ports ports;
	int64_t now_ns;
	char missing[AGENT_WHY_MAX]; /* as it was told last */
};

static int is_queued(const struct agent_look *l, const struct bw_attachment *att)
{
	for (struct bw_list *n = l->dead.next; n != &l->dead; n = n->next) {
		const struct dead *d = bw_list_entry(n, struct dead, node);

		if (strcmp(d->container_id, att->container_id) == 0 &&
		    strcmp(d->ifname, att->ifname) == 0)
			return 1;
	}
	return 0;
}

static void queue(struct agent_look *l, const struct bw_attachment *att, const char *why)
{
	struct dead *d;

	if (is_queued(l, att))
		return;
	d = calloc(1, sizeof(*d));
	if (!d)
		return; /* the next look finds it again */
	(void)snprintf(d->container_id, sizeof(d->container_id), "%s", att->container_id);
	(void)snprintf(d->ifname, sizeof(d->ifname), "%s", att->ifname);
	(void)snprintf(d->network, sizeof(d->network), "%s", att->network);
	(void)snprintf(d->program, sizeof(d->program), "%s", att->program);
	(void)snprintf(d->pod, sizeof(d->pod), "%s", att->pod);
	bw_list_add_tail(&l->dead, &d->node);
	bw_log_warn("an attachment is dead, collecting it", "pod", d->pod, "if", d->ifname, "cid",
		    d->container_id, "why", why);
}

static int look_one(const struct bw_attachment *att, void *arg, struct bw_err *err)
{
	struct agent_look *l = arg;
	struct bw_err why = { 0 };
	int r;

	(void)err; /* one row's trouble is no reason not to look at the others (I2) */
	agent_ports_row(&l->ports, att);
	if (!att->claim_uid[0])
		return 0; /* whoever configured it collects it: the runtime's GC */
	if (att->boot_id[0] && strcmp(att->boot_id, l->a->boot_id) != 0) {
		queue(l, att, "it is of another boot");
		return 0;
	}
	r = att->netns[0] ? agent_netns_lives(att, &why) : 1;
	if (r < 0)
		bw_log_debug("cannot look at a namespace", "netns", att->netns, "err", why.msg);
	if (r == 0 && agent_suspects_note(&l->suspects, att->id, l->now_ns))
		queue(l, att, "its namespace is gone");
	return 0;
}

static void collect(struct agent_look *l);

static void drop_first(struct agent_look *l)
{
	struct dead *d = bw_list_entry(l->dead.next, struct dead, node);

	bw_list_del(&d->node);
	free(d);
}

static void on_collected(int status, void *arg)
{
	struct agent_look *l = arg;

	if (status == 0)
		l->a->stat.collected++;
	else
		bw_log_warn("a plugin's DEL failed; the next look tries again");
	drop_first(l);
	agent_outbox_kick(l->a->outbox);
	agent_inventory_look(l->a->inventory);
	agent_serve_look(l->a->serve);
	collect(l);
}

static const char *path_env(const struct agent *a)
{
	return a->conf->install.bin_dir ? a->conf->install.bin_dir : PROGRAMS_DIR;
}

/* DEL as the runtime would send it, but for the namespace, which is gone. */
static int run_del(struct agent_look *l, const struct dead *d, struct bw_err *err)
{
	char cid[ENV_MAX], ifname[64], path[ENV_MAX], program[ENV_MAX], conf[ENV_MAX * 2];
	const char *const env[] = { "CNI_COMMAND=DEL", cid, ifname, path, "CNI_NETNS=", NULL };
	const char *dir = path_env(l->a);

	if (strncmp(d->program, "barewire-", 9) != 0 || strchr(d->program, '/'))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s is no plugin of ours",
				 d->program);
	(void)snprintf(cid, sizeof(cid), "CNI_CONTAINERID=%s", d->container_id); /* these fit */
	(void)snprintf(ifname, sizeof(ifname), "CNI_IFNAME=%s", d->ifname);
	(void)snprintf(path, sizeof(path), "CNI_PATH=%s", dir);
	(void)snprintf(program, sizeof(program), "%s/%s", dir, d->program);
	(void)snprintf(conf, sizeof(conf),
		       "{\"cniVersion\":\"1.0.0\",\"name\":\"%s\",\"type\":\"%s\",\"claims\":true,"
		       "\"ipam\":{\"type\":\"barewire-ipam\",\"dataDir\":\"%s\"}}",
		       d->network, d->program, l->a->conf->journal_dir);
	return agent_run_start(&l->run, program, env, conf, err);
}

static void collect(struct agent_look *l)
{
	while (!l->run.pid && !bw_list_empty(&l->dead)) {
		const struct dead *d = bw_list_entry(l->dead.next, struct dead, node);
		struct bw_err err = { 0 };

		if (run_del(l, d, &err) == 0)
			return;
		bw_log_error("cannot collect a dead attachment", "cid", d->container_id, "err",
			     err.msg);
		drop_first(l);
	}
}

static void again(struct agent_look *l)
{
	if (bw_timer_set(&l->timer, bw_loop_now_ns(l->a->loop) + AGENT_LOOK_MS * NS_PER_MS) < 0)
		bw_log_error("out of memory: attachments are not looked at any more");
}

/* Programs that an ADD attached as filters become links. */
static void promote(void)
{
	struct bw_err err = { 0 };
	unsigned int n = 0;
	int r = bw_dp_reload(&n, &err);

	if (r < 0 && r != -EOPNOTSUPP)
		bw_log_warn("cannot bring the datapath's programs up to date", "err", err.msg);
	else if (n)
		bw_log_debug("the datapath's programs are up to date");
}

/* Once for each reason: what does not come from the API server, and what it says. */
static void tell_missing(struct agent_look *l)
{
	char why[AGENT_WHY_MAX] = "";
	int ready = bw_kube_runtime_ready(l->a->rt, why, sizeof(why));

	if (strcmp(why, l->missing) == 0)
		return;
	if (ready) {
		bw_log_info("all of the API server's objects are known");
		agent_trim(); /* the start is over */
	} else {
		bw_log_warn("serving from the journal where the API server's word is missing",
			    "missing", why);
	}
	(void)snprintf(l->missing, sizeof(l->missing), "%s", why); /* fits */
}

static int waits(const struct bw_outbox_row *row, void *arg, struct bw_err *err)
{
	struct agent_look *l = arg;

	(void)err; /* looking cannot fail */
	if (bw_loop_real_s(l->a->loop) - row->since_s >= WAITS_S)
		agent_differ_add(&l->found, AGENT_DIFFER_WAITING, "",
				 "the cluster was not told yet that token %llu of claim uid %s is "
				 "%s",
				 (unsigned long long)row->token, row->uid,
				 bw_outbox_kind_str(row->kind));
	return 0;
}

/* What is new is logged once, and all of it published. */
static void tell_differences(struct agent_look *l)
{
	if (agent_differ_same(&l->found, &l->told))
		return;
	for (size_t i = 0; i < l->found.n; i++)
		bw_log_warn("claims, journal and kernel differ", "reason",
			    agent_differ_str(l->found.list[i].reason), "pod", l->found.list[i].pod,
			    "what", l->found.list[i].message);
	if (l->found.n > l->told.n)
		l->a->stat.drift += l->found.n - l->told.n;
	l->told = l->found;
	agent_inventory_look(l->a->inventory);
}

static void on_timer(void *arg)
{
	struct agent_look *l = arg;
	struct bw_err err = { 0 };
	int r;

	l->now_ns = bw_loop_now_ns(l->a->loop);
	l->found.n = 0;
	agent_ports_begin(&l->ports, l->a, &l->found);
	r = bw_journal_attach_each(l->a->journal, NULL, look_one, l, &err);
	if (r == 0)
		r = bw_journal_outbox_each(l->a->journal, 0, waits, l, &err);
	agent_ports_end(&l->ports);
	if (r < 0)
		bw_log_error("cannot look at the attachments", "err", err.msg);
	else
		tell_differences(l);
	agent_watch_over(l->a);
	agent_suspects_end(&l->suspects, l->now_ns);
	collect(l);
	tell_missing(l);
	if (l->a->promote) {
		l->a->promote = 0;
		promote();
	}
	again(l);
}

const struct agent_differences *agent_look_differences(const struct agent_look *look)
{
	return look ? &look->told : NULL;
}

void agent_look_soon(struct agent_look *look)
{
	int64_t at_ns;

	if (!look)
		return;
	at_ns = bw_loop_now_ns(look->a->loop) + SOON_MS * NS_PER_MS;
	if (look->timer.at_ns > at_ns && bw_timer_set(&look->timer, at_ns) < 0)
		bw_log_error("out of memory: attachments are not looked at any more");
}

int agent_look_new(struct agent *a, struct agent_look **ret, struct bw_err *err)
{
	struct agent_look *l = calloc(1, sizeof(*l));

	if (!l)
		return bw_fail(err, ENOMEM, "prepare to look at attachments");
	l->a = a;
	bw_list_init(&l->dead);
	l->run = (struct agent_run){ .loop = a->loop, .done = on_collected, .arg = l };
	bw_timer_init(&l->timer, a->loop, on_timer, l);
	a->promote = 1; /* an older version's programs too */
	if (bw_timer_set(&l->timer, bw_loop_now_ns(a->loop)) < 0) {
		free(l);
		return bw_fail(err, ENOMEM, "prepare to look at attachments");
	}
	*ret = l;
	return 0;
}

void agent_look_free(struct agent_look **look)
{
	struct agent_look *l = *look;

	if (!l)
		return;
	agent_run_cancel(&l->run);
	bw_timer_stop(&l->timer);
	while (!bw_list_empty(&l->dead))
		drop_first(l);
	free(l);
	*look = NULL;
}

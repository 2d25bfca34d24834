/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command in a container: it goes by the pod's name, on a network that loses either way and may
 * carry a command out long after nobody asks any more.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/kube_podexec.h>

#include "box.h"
#include "box_impl.h"
#include "check.h"
#include "server_impl.h"
#include "store_impl.h"
#include "world.h"

#define PROGRAM "/barewire/barewire-launch"
#define ARGS_MAX 12
#define NOT_RUNNING 3 /* barewire-launch(8) */
#define ANOTHER_POD 4 /* the same */
#define ENDS_MS 20000 /* a process takes up to so long to end */
#define LATE_MS 15000 /* a command that nobody waits for is carried out no later */

enum phase {
	PHASE_SENT,
	PHASE_DONE, /* it was carried out; the answer is under way */
	PHASE_OVER, /* it will never be */
	PHASE_LATE, /* it is still to be carried out, and nobody asks */
};

struct exec {
	struct bw_list node;
	struct sim_world *world;
	struct sim_client *client; /* NULL once nobody waits */
	struct bw_kube_podexec *x;
	enum phase phase;
	enum sim_fate fate;
	uint64_t id;
	uint8_t busy;
	int64_t limit_ns;
	struct bw_timer timer;
	char namespace[SIM_NAME_MAX], pod[SIM_NAME_MAX], container[SIM_NAME_MAX];
	char args[ARGS_MAX][64];
	unsigned int n_args;
	/* The answer. */
	enum bw_kube_result result;
	int http, exit_code;
	char out[128];
};

static void arm(struct exec *e, int64_t at_ns)
{
	if (bw_timer_set(&e->timer, at_ns) < 0)
		abort();
}

static void drop(struct exec *e)
{
	bw_timer_stop(&e->timer);
	bw_list_del(&e->node);
	free(e);
}

/* THE COMMANDS */

static const char *state_of(const struct sim_box *b)
{
	return b->ending ? "Stopping" : b->runs ? "Running" : "Stopped";
}

/* Carries a word out. @ret_ns: when it is over. Return: the exit status. */
static int do_word(struct sim_world *w, struct sim_box *b, const char *word, const char *argument,
		   int64_t *ret_ns)
{
	int64_t now = sim_world_now(w);

	if (strcmp(word, "reload") == 0) {
		if (strcmp(argument, b->files) != 0 || !b->runs || b->ending || b->stop_file)
			return NOT_RUNNING;
		if (!sim_world_mutant(w, "deaf-signal"))
			memcpy(b->has, b->files, sizeof(b->has));
		b->signals++;
		return 0;
	}
	if (strcmp(word, "stop") == 0) {
		b->stop_file = 1;
		if (b->runs && !b->ending) {
			b->ending = 1;
			b->ends_ns = now + sim_world_pace(w, ENDS_MS) * 1000000;
		}
		if (b->ending)
			*ret_ns = b->ends_ns;
	} else if (strcmp(word, "start") == 0) {
		b->stop_file = 0;
	}
	sim_box_settle(b, now);
	return strcmp(word, "status") == 0 && strcmp(state_of(b), "Running") != 0 ? NOT_RUNNING : 0;
}

/* The pod that has the name now; NULL: it cannot be reached, .result says how. */
static struct sim_pod *find(struct exec *e, struct sim_node **ret_node)
{
	struct sim_world *w = e->world;
	const struct cJSON *pod = sim_store_tree(w->store, SIM_POD, e->namespace, e->pod);
	struct sim_pod *p = pod ? sim_box_of(w, sim_meta(pod, "uid"), ret_node) : NULL;

	e->result = pod ? BW_KUBE_UNKNOWN : BW_KUBE_NOT_FOUND;
	e->http = pod ? 500 : 404;
	if (!p || !(*ret_node)->powered || (*ret_node)->cut || (*ret_node)->ghost || !p->live ||
	    !p->box.up)
		return NULL;
	return p;
}

/* The last argument that belongs to no option. */
static const char *argument_of(const struct exec *e)
{
	return e->n_args > 2 ? e->args[e->n_args - 1] : "";
}

/* The pod that is meant; "" = whichever has the name. */
static const char *meant(const struct exec *e)
{
	return e->n_args > 3 && !strcmp(e->args[2], "--pod-uid") ? e->args[3] : "";
}

/* A launcher that is broken on purpose. Return: the command was not carried out. */
static int mutate(const struct exec *e, struct sim_pod *p)
{
	struct sim_world *w = e->world;
	int stop = strcmp(e->args[1], "stop") == 0;

	if (strcmp(e->args[1], "start") == 0 && sim_world_mutant(w, "start-by-restart"))
		sim_box_end(p);
	if (stop && sim_world_mutant(w, "stop-by-deletion"))
		(void)sim_world_delete(w, "launcher", SIM_POD, p->namespace, p->name, p->uid, 30);
	return stop && sim_world_mutant(w, "deaf-stop");
}

static void carry_out(struct exec *e, int64_t *ret_ns)
{
	struct sim_world *w = e->world;
	struct sim_node *n = NULL;
	struct sim_pod *p = find(e, &n);

	if (!p)
		return;
	if (!p->box.launcher || strcmp(e->container, "db") != 0) {
		sim_check_fail(w->check, "U6 a command in %s of %s/%s, which has no launcher",
			       e->container, e->namespace, e->pod);
		return;
	}
	sim_box_settle(&p->box, sim_world_now(w));
	e->result = BW_KUBE_OK;
	if (strcmp(meant(e), p->uid) != 0) {
		e->exit_code = ANOTHER_POD;
		e->out[0] = '\0';
		if (!*meant(e))
			sim_check_fail(w->check, "U6 a command for whatever pod is %s/%s",
				       e->namespace, e->pod);
		return;
	}
	if (mutate(e, p)) {
		(void)snprintf(e->out, sizeof(e->out), "{\"state\":\"Stopped\"}\n");
		return;
	}
	e->exit_code = do_word(w, &p->box, e->args[1], argument_of(e), ret_ns);
	/* A stop is answered when it is over, unless somebody starts it meanwhile. */
	(void)snprintf(e->out, sizeof(e->out), "{\"state\":\"%s\",\"pid\":7}\n",
		       *ret_ns > sim_world_now(w) ? "Stopped" : state_of(&p->box));
	sim_trace(&w->trace, "%s runs %s in %s/%s: %d %.40s", n->name, e->args[1], e->namespace,
		  e->pod, e->exit_code, e->out);
	sim_node_wake(n);
}

/* THE WAY THERE AND BACK */

static void answer(struct exec *e)
{
	struct bw_kube_podexec_answer a = { .result = e->result,
					    .http = e->http,
					    .exit_code =
						    e->result == BW_KUBE_OK ? e->exit_code : -1,
					    .reason = "",
					    .message = "said",
					    .out = e->result == BW_KUBE_OK ? e->out : "",
					    .errout = "" };
	struct bw_kube_podexec *x;
	int64_t later = 0;

	a.out_size = strlen(a.out);
	if (e->x && e->client->deliver) {
		e->busy = 1;
		later = e->client->deliver(e->client, e->client->arg);
		e->busy = 0;
	}
	x = e->x;
	if (later && x) { /* its process is stopped */
		arm(e, later);
		return;
	}
	if (x && !e->client->dead) {
		sim_trace(&e->world->trace, "%s exec #%llu = %s %d", e->client->name,
			  (unsigned long long)e->id, bw_kube_result_str(e->result), a.exit_code);
		x->client = NULL;
		x->impl = NULL;
		e->x = NULL;
		x->done(&a, x->arg);
	} else if (x) {
		x->impl = NULL;
	}
	drop(e);
}

static void no_answer(struct exec *e)
{
	e->result = BW_KUBE_UNKNOWN;
	e->http = 0;
	e->phase = PHASE_OVER;
	arm(e, e->limit_ns);
}

static void arrive(struct exec *e)
{
	struct sim_world *w = e->world;
	int64_t now = sim_world_now(w);
	int64_t over_ns = now;

	e->phase = PHASE_DONE;
	switch (e->fate) {
	case SIM_REFUSE:
		e->result = BW_KUBE_REFUSED;
		break;
	case SIM_THROTTLE:
	case SIM_FAIL_BEFORE:
		e->result = BW_KUBE_UNKNOWN;
		e->http = 500;
		break;
	case SIM_LOSE_REQUEST:
		no_answer(e);
		return;
	case SIM_LATE:
		e->phase = PHASE_LATE;
		arm(e, e->limit_ns);
		return;
	case SIM_LOSE_ANSWER:
		carry_out(e, &over_ns);
		no_answer(e);
		return;
	case SIM_FAIL_AFTER:
		carry_out(e, &over_ns);
		e->result = BW_KUBE_UNKNOWN;
		break;
	default:
		carry_out(e, &over_ns);
		break;
	}
	if (over_ns > e->limit_ns)
		no_answer(e);
	else
		arm(e, over_ns + sim_delay_ns(&w->server));
}

static void on_timer(void *arg)
{
	struct exec *e = arg;
	int64_t ignored = 0;

	if (e->phase == PHASE_SENT) {
		arrive(e);
	} else if (e->phase != PHASE_LATE) {
		answer(e);
	} else if (e->x && !e->client->dead) {
		struct exec *told = sim_alloc(sizeof(*told));

		/* Who waited gives up, and the command goes on by itself. */
		*told = *e;
		told->phase = PHASE_OVER;
		told->result = BW_KUBE_UNKNOWN;
		told->x->impl = told;
		bw_timer_init(&told->timer, e->world->loop, on_timer, told);
		bw_list_add_tail(&e->world->execs, &told->node);
		e->x = NULL;
		arm(told, sim_world_now(e->world));
		arm(e, sim_world_now(e->world) + sim_world_pace(e->world, LATE_MS) * 1000000);
	} else {
		carry_out(e, &ignored);
		drop(e);
	}
}

static void copy_words(struct exec *e, const struct bw_kube_podexec_request *r)
{
	(void)snprintf(e->namespace, sizeof(e->namespace), "%s", r->namespace);
	(void)snprintf(e->pod, sizeof(e->pod), "%s", r->pod);
	(void)snprintf(e->container, sizeof(e->container), "%s", r->container);
	for (; e->n_args < ARGS_MAX && r->argv[e->n_args]; e->n_args++)
		(void)snprintf(e->args[e->n_args], sizeof(e->args[0]), "%s", r->argv[e->n_args]);
}

/* conf/policies/units.yaml: what a controller may run. */
static int may_run(const struct exec *e)
{
	static const char *const words[] = { "stop", "start", "status", "reload" };

	for (size_t i = 0; i < BW_ARRAY_SIZE(words); i++)
		if (!strcmp(e->args[0], PROGRAM) && !strcmp(e->args[1], words[i]))
			return 1;
	return 0;
}

static int exec_start(struct bw_kube_client *base, const struct bw_kube_podexec_request *r,
		      struct bw_kube_podexec *x, struct bw_err *err)
{
	struct sim_client *c = (struct sim_client *)base;
	struct sim_server *s = c->server;
	struct sim_world *w = BW_CONTAINER_OF(s, struct sim_world, server);
	struct sim_request like = { .client = c, .r = { .verb = BW_KUBE_CREATE } };
	struct exec *e;

	(void)err;
	x->client = base;
	x->impl = NULL;
	if (c->dead)
		return 0;
	e = sim_alloc(sizeof(*e));
	*e = (struct exec){ .world = w, .client = c, .x = x, .id = ++w->n_execs };
	copy_words(e, r);
	x->impl = e;
	bw_list_add_tail(&w->execs, &e->node);
	bw_timer_init(&e->timer, w->loop, on_timer, e);
	e->limit_ns = sim_world_now(w) + (int64_t)r->timeout_ms * SIM_NS_PER_MS;
	e->fate = sim_fate_draw(s, &like);
	if (e->fate != SIM_PASS)
		sim_count_fault(s, e->fate);
	sim_trace(&w->trace, "%s exec #%llu %s/%s %s %s %s", c->name, (unsigned long long)e->id,
		  e->namespace, e->pod, e->args[1], argument_of(e),
		  e->fate == SIM_PASS ? "" : sim_fate_str(e->fate));
	if (!may_run(e))
		sim_check_fail(w->check, "U6 runs %s %s", e->args[0], e->args[1]);
	arm(e, sim_world_now(w) + sim_delay_ns(s));
	c->calls++;
	if (c->moment)
		c->moment(c, SIM_SEND, &like.r, c->arg);
	return 0;
}

/* The command goes on. */
static void exec_cancel(struct bw_kube_podexec *x)
{
	struct exec *e = x->impl;

	x->client = NULL;
	x->impl = NULL;
	if (e)
		e->x = NULL;
}

void sim_exec_serve(struct sim_client *c)
{
	static struct bw_kube_client_ops ops;

	ops = *c->base.ops;
	ops.podexec_start = exec_start;
	ops.podexec_cancel = exec_cancel;
	c->base.ops = &ops;
}

void sim_exec_forget(struct sim_client *c)
{
	struct sim_world *w = BW_CONTAINER_OF(c->server, struct sim_world, server);

	bw_list_for_each (i, &w->execs) {
		struct exec *e = bw_list_entry(i, struct exec, node);

		if (e->client == c)
			e->x = NULL;
	}
}

void sim_exec_init(struct sim_world *w)
{
	bw_list_init(&w->execs);
}

void sim_exec_done(struct sim_world *w)
{
	bw_list_for_each (i, &w->execs)
		drop(bw_list_entry(i, struct exec, node));
}

void sim_exec_by_hand(struct sim_world *w, const char *namespace, const char *name,
		      const char *word)
{
	struct exec e = { .world = w };
	struct sim_node *n = NULL;
	struct sim_pod *p;
	int64_t ignored = 0;

	(void)snprintf(e.namespace, sizeof(e.namespace), "%s", namespace);
	(void)snprintf(e.pod, sizeof(e.pod), "%s", name);
	p = find(&e, &n);
	if (!p || !p->box.launcher)
		return;
	sim_trace(&w->trace, "user runs %s in %s/%s", word, namespace, name);
	(void)do_word(w, &p->box, word, "", &ignored);
	sim_node_wake(n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One controller process of the simulation. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_controller.h>

#include <ipam.h>
#include <unit.h>

#include "proc.h"
#include "store_impl.h"

struct sim_proc {
	struct sim_world *world;
	unsigned int index;
	char name[16];
	struct bw_loop *loop; /* NULL while it is dead */
	struct sim_client client;
	struct bw_kube_runtime *rt;
	struct ctl_ipam *ipam;
	struct ctl_unit *unit; /* NULL in a cluster without */
	int64_t paused_until_ns;
	int64_t skew_s;
	uint8_t leading; /* what it shall believe */
	uint8_t told; /* what it believes; the same unless it is stopped */
	uint8_t doomed; /* killed as soon as the present callback has returned */
	uint64_t kill_at; /* of client.calls; 0 = never */
	unsigned int kills;
	uint64_t lives;
	struct bw_timer restart; /* on the world's clock */
};

static void tell_it(struct sim_proc *p)
{
	if (p->told == p->leading)
		return;
	p->told = p->leading;
	ctl_ipam_lead(p->ipam, p->leading);
}

static int64_t deliver(struct sim_client *client, void *arg)
{
	struct sim_proc *p = arg;
	int64_t now = sim_world_now(p->world);

	(void)client;
	if (now < p->paused_until_ns)
		return p->paused_until_ns + 1000;
	if (p->loop && !p->doomed)
		tell_it(p);
	while (p->loop && !p->doomed && bw_loop_step(p->loop, 0, now, NULL) > 0)
		;
	return 0;
}

static void moment(struct sim_client *client, enum sim_moment m, const struct bw_kube_request *r,
		   void *arg)
{
	struct sim_proc *p = arg;
	struct sim_world *w = p->world;

	if (r->verb == BW_KUBE_WATCH || m != SIM_SEND || p->doomed)
		return;
	if (p->kill_at && client->calls >= p->kill_at)
		p->doomed = 1;
	else if (!w->calm && sim_rng_chance(&w->rng, w->setup.restarts))
		p->doomed = 1;
	/* Dead from here: whatever else this callback starts goes nowhere. */
	if (p->doomed)
		client->dead = 1;
}

static void fail(const struct sim_proc *p, int r, const struct bw_err *err)
{
	fprintf(stderr, "%s: %s (%d)\n", p->name, err->msg, r);
	abort();
}

/* The process ends itself, and another one begins with a store that it has read anew. */
static void on_restart(const char *why, void *arg)
{
	struct sim_proc *p = arg;

	sim_trace(&p->world->trace, "%s starts anew: %s", p->name, why);
	p->doomed = 1;
	p->client.dead = 1;
}

static void begin(void *arg)
{
	struct sim_proc *p = arg;
	struct sim_world *w = p->world;
	struct bw_err err = { 0 };
	struct ctl_ipam_options opts = { .seed = p->index + 1 + 10 * ++p->lives,
					 .cluster_id = "cluster-1",
					 .restart = on_restart,
					 .arg = p };
	int r;

	sim_trace(&w->trace, "%s starts", p->name);
	p->doomed = 0;
	p->kill_at = 0;
	p->paused_until_ns = 0;
	sim_client_init(&p->client, &w->server, p->name);
	sim_exec_serve(&p->client);
	p->client.deliver = deliver;
	p->client.moment = moment;
	p->client.arg = p;
	/* Every boot has another monotonic clock in real life; here they stay comparable. */
	r = bw_loop_new_virtual(sim_world_now(w), bw_loop_real_s(w->loop) + p->skew_s, &p->loop,
				&err);
	if (r < 0)
		fail(p, r, &err);
	r = bw_kube_runtime_new(p->loop, &p->client.base, "barewire-controller", &p->rt, &err);
	if (r < 0)
		fail(p, r, &err);
	bw_kube_runtime_seed(p->rt, opts.seed);
	opts.loop = p->loop;
	r = ctl_ipam_start(p->rt, &opts, &p->ipam, &err);
	if (r < 0)
		fail(p, r, &err);
	if (w->setup.units) {
		const struct ctl_unit_options units = { .loop = p->loop,
							.ipam = p->ipam,
							.launch_image =
								w->setup.exec ? "b:1" : NULL };

		r = ctl_unit_start(p->rt, &units, &p->unit, &err);
		if (r < 0)
			fail(p, r, &err);
	}
	p->told = 0;
	tell_it(p);
}

static void end(struct sim_proc *p)
{
	struct bw_kube_client *client = &p->client.base;

	if (!p->loop)
		return;
	p->client.dead = 1;
	bw_kube_runtime_free(&p->rt);
	ctl_unit_free(&p->unit);
	ctl_ipam_free(&p->ipam);
	sim_exec_forget(&p->client);
	bw_kube_client_free(&client);
	bw_loop_free(&p->loop);
}

struct sim_proc *sim_proc_new(struct sim_world *w, unsigned int index)
{
	struct sim_proc *p = sim_alloc(sizeof(*p));

	p->world = w;
	p->index = index;
	(void)snprintf(p->name, sizeof(p->name), "ctl%u", index);
	bw_timer_init(&p->restart, w->loop, begin, p);
	p->leading = w->setup.two_leaders || index == 0;
	begin(p);
	return p;
}

void sim_proc_free(struct sim_proc **p)
{
	if (!*p)
		return;
	end(*p);
	bw_timer_stop(&(*p)->restart);
	free(*p);
	*p = NULL;
}

void sim_proc_kill(struct sim_proc *p, int64_t restart_ns)
{
	if (!p->loop)
		return;
	sim_trace(&p->world->trace, "%s is killed", p->name);
	p->kills++;
	end(p);
	if (bw_timer_set(&p->restart, sim_world_now(p->world) + restart_ns) < 0)
		abort();
}

void sim_proc_kill_at(struct sim_proc *p, uint64_t calls)
{
	p->kill_at = p->client.calls + calls;
}

void sim_proc_pause(struct sim_proc *p, int64_t for_ns)
{
	if (!p->loop)
		return;
	sim_trace(&p->world->trace, "%s is stopped for %lld ms", p->name,
		  (long long)(for_ns / 1000000));
	p->paused_until_ns = sim_world_now(p->world) + for_ns;
}

void sim_proc_skew(struct sim_proc *p, int64_t seconds)
{
	p->skew_s += seconds;
	if (p->loop)
		bw_loop_skew(p->loop, seconds);
}

void sim_proc_lead(struct sim_proc *p, int leading)
{
	if (p->leading == (leading != 0))
		return;
	sim_trace(&p->world->trace, "%s %s", p->name, leading ? "leads" : "does not lead");
	p->leading = leading != 0;
	if (p->loop && sim_world_now(p->world) >= p->paused_until_ns)
		tell_it(p);
}

int64_t sim_proc_next_ns(const struct sim_proc *p)
{
	int64_t next;

	if (!p->loop)
		return INT64_MAX;
	next = bw_loop_next_ns(p->loop);
	return next < p->paused_until_ns ? p->paused_until_ns : next;
}

void sim_proc_step(struct sim_proc *p)
{
	if (p->loop && !p->doomed)
		tell_it(p);
	if (p->loop && !p->doomed)
		(void)bw_loop_step(p->loop, 0, sim_world_now(p->world), NULL);
	sim_proc_reap(p);
}

void sim_proc_reap(struct sim_proc *p)
{
	if (p->loop && p->doomed)
		sim_proc_kill(p, sim_rng_between(&p->world->rng, 100, 4000) * 1000000);
}

uint64_t sim_proc_calls(const struct sim_proc *p)
{
	return p->client.calls;
}

unsigned int sim_proc_kills(const struct sim_proc *p)
{
	return p->kills;
}

struct sim_client *sim_proc_client(struct sim_proc *p)
{
	return &p->client;
}

int sim_proc_halted(const struct sim_proc *p)
{
	struct ctl_ipam_stats stats = { 0 };

	if (!p->ipam)
		return 0;
	ctl_ipam_stats(p->ipam, &stats);
	return stats.quarantined || stats.breaker;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The directed scenarios. Classes are those of the failure catalogue in docs/design/simulation.md.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check.h"
#include "proc.h"
#include "scenario.h"
#include "server_impl.h"
#include "store_impl.h"

#define LAN "{\"name\":\"eth0\",\"network\":\"lan\"}"
#define THREE                                                                                      \
	"{\"name\":\"eth0\",\"networks\":[\"lan\",\"lan6\"]},"                                     \
	"{\"name\":\"eth1\",\"networks\":[\"lan-b\",\"lan6\"]},"                                   \
	"{\"name\":\"eth2\",\"networks\":[\"lan6\",\"lan\"]}"
#define CLAIMS 100
#define FEW 10
#define MOVES 2000

static void set_pool(struct sim_world *w, const char *name, const char *ranges)
{
	(void)sim_world_merge(w, "admin", SIM_POOL, NULL, name, NULL,
			      sim_json("{\"spec\":{\"ranges\":[%s]}}", ranges));
}

static void make_claims(struct sim_world *w, unsigned int from, unsigned int to)
{
	char name[SIM_NAME_MAX];

	for (unsigned int i = from; i < to; i++) {
		(void)snprintf(name, sizeof(name), "h%u", i);
		sim_make_claim(w, "db", name, LAN);
	}
}

/* Class 1: three controllers believe they lead; more claims than addresses, all at once. */
static void race_hammer(struct sim_world *w)
{
	char range[64];

	(void)snprintf(range, sizeof(range), "\"10.99.0.10-10.99.0.%u\"", 9 + CLAIMS - FEW);
	set_pool(w, "lan", range);
	w->server.replicas[0].lag_ns = w->server.replicas[1].lag_ns = 300 * 1000000;
	make_claims(w, 0, CLAIMS);
	sim_for_ms(w, 120000);
	sim_want(w, sim_count_bound(w) == CLAIMS - FEW, "%u bound, not %u", CLAIMS - FEW,
		 sim_count_bound(w));
	sim_want(w, sim_count(w, SIM_ADDRESS) == CLAIMS - FEW, "an address for each, not %u",
		 sim_count(w, SIM_ADDRESS));
	set_pool(w, "lan", "\"10.99.0.10-10.99.0.250\"");
	sim_for_ms(w, 60000);
	sim_want(w, sim_count_bound(w) == CLAIMS, "all bound once there is room, not %u",
		 sim_count_bound(w));
}

/* Class 2: the orphan sweep with lists from the past and pods that come between its two looks. */
static void sweep_spares_the_living(struct sim_world *w)
{
	w->server.faults.stale = 700;
	w->server.faults.gone = 200;
	w->server.faults.cut_stream = 200;
	for (unsigned int i = 0; i < SIM_REPLICAS; i++)
		w->server.replicas[i].lag_ns = (int64_t)i * 60 * SIM_NS_PER_S;
	for (unsigned int i = 0; i < FEW; i++) {
		char name[SIM_NAME_MAX];

		(void)snprintf(name, sizeof(name), "h%u", i);
		sim_make_claim(w, "db", name, LAN);
		sim_make_pod(w, "db", name, name, "");
		sim_for_ms(w, 20000);
		sim_proc_kill(w->procs[i % 2], SIM_NS_PER_S);
	}
	sim_for_ms(w, 400000);
	w->server.faults = (struct sim_faults){ 0 };
	sim_for_ms(w, 300000);
	sim_want(w, sim_count_bound(w) == FEW, "%u bound, not %u", FEW, sim_count_bound(w));
	sim_want(w, sim_count(w, SIM_ADDRESS) == FEW, "no address lost or left");
}

static void replay(struct sim_world *w, const char *name, unsigned int token)
{
	(void)sim_world_merge(w, "n0", SIM_CLAIM, "db", name, "status",
			      sim_json("{\"status\":{\"detachedToken\":%u}}", token));
}

/* Class 3: what an old DEL says comes after the address has moved, twice, and in a new claim. */
static void late_del_frees_nobody(struct sim_world *w)
{
	char ip[SIM_NAME_MAX];

	sim_make_claim(w, "db", "a", LAN);
	sim_make_pod(w, "db", "p0", "a", "n0");
	sim_want(w, sim_wait_live(w, "db", "p0", "n0", 20000) >= 0, "the first pod runs");
	(void)snprintf(ip, sizeof(ip), "%s", sim_claim_ip(w, "db", "a"));
	sim_delete(w, SIM_POD, "db", "p0", 30);
	sim_make_pod(w, "db", "p1", "a", "n1");
	sim_want(w, sim_wait_live(w, "db", "p1", "n1", 30000) >= 0, "the second pod runs");
	replay(w, "a", 1);
	sim_for_ms(w, 1000);
	replay(w, "a", 1);
	sim_for_ms(w, 60000);
	sim_want(w, !strcmp(sim_live_on(w, "db", "p1"), "n1"), "the second pod still runs");
	sim_want(w, !strcmp(sim_claim_ip(w, "db", "a"), ip), "the address is the same");
	sim_delete(w, SIM_CLAIM, "db", "a", -1);
	sim_for_ms(w, 60000);
	sim_want(w, *sim_claim_ip(w, "db", "a"), "a claim in use is not released");
	sim_want(w, !strcmp(sim_live_on(w, "db", "p1"), "n1"), "its pod is untouched");
	sim_delete(w, SIM_POD, "db", "p1", 30);
	sim_for_ms(w, 60000);
	sim_want(w, !sim_count(w, SIM_ADDRESS), "released in the end");
}

/* What the enumerations go through: take, place, move, release. */
static void whole_life(struct sim_world *w)
{
	sim_make_claim(w, "db", "a", THREE);
	sim_make_pod(w, "db", "p0", "a", "n0");
	sim_for_ms(w, 8000);
	(void)sim_world_create(w, "user", SIM_POD, "db",
			       sim_json("{\"metadata\":{\"name\":\"bare\"},\"spec\":{}}"));
	sim_delete(w, SIM_POD, "db", "p0", 30);
	sim_make_pod(w, "db", "p1", "a", "n1");
	sim_for_ms(w, 8000);
	sim_delete(w, SIM_POD, "db", "p1", 30);
	sim_delete(w, SIM_CLAIM, "db", "a", -1);
	sim_for_ms(w, 8000);
}

/* Class 4: the controller is killed at every single call of a claim's whole life. */
static void killed_at_every_call(struct sim_world *w, unsigned int round)
{
	sim_proc_kill_at(w->procs[0], round);
	whole_life(w);
}

/* Class 5: every single write's answer is lost, then every one fails after it was done. */
static void every_answer_lost(struct sim_world *w, unsigned int round)
{
	static const int fates[] = { SIM_LOSE_ANSWER, SIM_FAIL_AFTER, SIM_LATE, SIM_FAIL_BEFORE };

	w->server.faults.late_ms = 20000;
	w->server.at_write = 1 + round / BW_ARRAY_SIZE(fates);
	w->server.at_fate = fates[round % BW_ARRAY_SIZE(fates)];
	whole_life(w);
	sim_for_ms(w, 60000);
}

/* Class 8: a claim moves again and again; every second time its old node is cut off first. */
static void move_after_move(struct sim_world *w)
{
	static const char *const nodes[] = { "n0", "n1", "n2" };
	int64_t slowest = 0;
	char ip[SIM_NAME_MAX], pod[SIM_NAME_MAX] = "";

	w->calm = 1; /* kubelets and agents do not dawdle */
	sim_make_claim(w, "db", "a", LAN);
	sim_for_ms(w, 3000);
	(void)snprintf(ip, sizeof(ip), "%s", sim_claim_ip(w, "db", "a"));
	for (unsigned int i = 0; i < MOVES && !sim_check_broken(w->check); i++) {
		struct sim_node *old = sim_node_of(w, nodes[(i + 2) % 3]);
		int64_t took;

		if (i % 2 && *pod) { /* the old node does not answer any more */
			old->cut = 1;
			sim_delete(w, SIM_POD, "db", pod, 0);
		} else if (*pod) {
			sim_delete(w, SIM_POD, "db", pod, 30);
		}
		(void)snprintf(pod, sizeof(pod), "m%u", i);
		sim_make_pod(w, "db", pod, "a", nodes[i % 3]);
		if (old->cut) {
			sim_for_ms(w, 3000);
			sim_want(w, !*sim_live_on(w, "db", pod), "nothing moves before the fence");
			sim_node_power(old, 0);
			sim_fence_node(w, old->name, 1);
		}
		took = sim_wait_live(w, "db", pod, nodes[i % 3], 60000);
		sim_want(w, took >= 0, "move %u arrives", i);
		slowest = took > slowest ? took : slowest;
		if (old->cut) {
			sim_fence_node(w, old->name, 0);
			old->cut = 0;
			sim_node_power(old, 1);
		}
	}
	sim_want(w, !strcmp(sim_claim_ip(w, "db", "a"), ip), "the address is the same");
	sim_want(w, slowest < 3000, "the slowest move took %lld ms", (long long)slowest);
}

/* Class 10: killed while it allocates, lists that come late, a pool that is made anew. */
static void restart_forgets_nothing(struct sim_world *w)
{
	set_pool(w, "lan", "\"10.99.0.10-10.99.0.250\"");
	make_claims(w, 0, CLAIMS);
	sim_for_ms(w, 60000);
	sim_want(w, sim_count_bound(w) == CLAIMS, "all bound");
	w->server.faults.delay = 1000;
	w->server.faults.delay_ms = 5000;
	for (unsigned int i = 0; i < FEW; i++) {
		make_claims(w, CLAIMS + i, CLAIMS + i + 1);
		sim_for_ms(w, 700);
		sim_proc_kill(w->procs[0], 500 * 1000000);
	}
	sim_delete(w, SIM_POOL, NULL, "lan-b", -1);
	for (unsigned int i = 0; i < 60 && sim_store_tree(w->store, SIM_POOL, NULL, "lan-b"); i++)
		sim_for_ms(w, 1000);
	(void)sim_world_create(w, "admin", SIM_POOL, NULL,
			       sim_json("{\"metadata\":{\"name\":\"lan-b\"},\"spec\":{\"domain\":"
					"\"lan\",\"prefix\":\"10.99.0.0/24\",\"ranges\":["
					"\"10.99.0.10-10.99.0.250\"],\"uplink\":\"data0\",\"mode\":"
					"\"bridge\"}}"));
	sim_make_claim(w, "db", "b", "{\"name\":\"eth0\",\"network\":\"lan-b\"}");
	w->server.faults = (struct sim_faults){ 0 };
	sim_for_ms(w, 300000);
	sim_want(w, sim_count_bound(w) == CLAIMS + FEW + 1, "all bound, not %u",
		 sim_count_bound(w));
	sim_want(w, sim_count(w, SIM_ADDRESS) == CLAIMS + FEW + 1, "no address lost or left");
}

/* Class 11: its own writes are shown half a minute late. */
static void own_writes_unseen(struct sim_world *w)
{
	set_pool(w, "lan", "\"10.99.0.10-10.99.0.250\"");
	sim_for_ms(w, 5000);
	for (unsigned int i = 0; i < SIM_REPLICAS; i++)
		w->server.replicas[i].lag_ns = 30 * SIM_NS_PER_S;
	make_claims(w, 0, CLAIMS);
	sim_for_ms(w, 40000); /* the claims themselves are seen after 30 s */
	sim_want(w, sim_count_bound(w) == CLAIMS, "all bound, not %u", sim_count_bound(w));
	sim_for_ms(w, 200000);
	sim_want(w, sim_count(w, SIM_ADDRESS) == CLAIMS, "no second address for a claim");
}

/* Class 12: a leader sleeps a minute and wakes with old plans; clocks jump by ten minutes. */
static void sleeper_wakes(struct sim_world *w)
{
	make_claims(w, 0, 6);
	for (unsigned int i = 0; i < 6; i++) {
		char name[SIM_NAME_MAX];

		(void)snprintf(name, sizeof(name), "h%u", i);
		sim_make_pod(w, "db", name, name, "");
		sim_for_ms(w, 50 + 30 * i);
		sim_proc_pause(w->procs[i % 2], 60 * SIM_NS_PER_S);
		sim_proc_skew(w->procs[i % 2], i % 2 ? 600 : -600);
		sim_for_ms(w, 30000);
		sim_delete(w, SIM_POD, "db", name, 30);
		sim_delete(w, SIM_CLAIM, "db", name, -1);
		make_claims(w, 10 + i, 11 + i);
	}
	sim_for_ms(w, 200000);
	sim_want(w, sim_count_bound(w) == 6, "six bound, not %u", sim_count_bound(w));
	sim_want(w, sim_count(w, SIM_ADDRESS) == 6, "six addresses, not %u",
		 sim_count(w, SIM_ADDRESS));
}

/* Where the pods of class 14 live before the store goes back, and what it has not seen of it. */
static void after_the_snapshot(struct sim_world *w)
{
	/* One moves, one is new, and one goes and leaves its address to another. */
	sim_delete(w, SIM_POD, "db", "p0", 30);
	sim_make_pod(w, "db", "q0", "a0", "n1");
	sim_want(w, sim_wait_live(w, "db", "q0", "n1", 60000) >= 0, "the first claim has moved");
	sim_make_claim(w, "db", "late", LAN);
	sim_make_pod(w, "db", "late", "late", "n2");
	sim_want(w, sim_wait_live(w, "db", "late", "n2", 60000) >= 0, "a late claim runs");
	sim_delete(w, SIM_POD, "db", "p1", 30);
	sim_delete(w, SIM_CLAIM, "db", "a1", -1);
	sim_for_ms(w, 60000);
	sim_make_claim(w, "db", "heir", LAN);
	sim_make_pod(w, "db", "heir", "heir", "n2");
	sim_want(w, sim_wait_live(w, "db", "heir", "n2", 60000) >= 0, "its heir runs");
}

/* Nobody who leads remembers, and the nodes find the server again within a minute. */
static void forget_all(struct sim_world *w)
{
	for (unsigned int i = 0; i < w->setup.procs; i++)
		sim_proc_kill(w->procs[i], SIM_NS_PER_S / 10);
	for (unsigned int i = 0; i < w->n_nodes; i++)
		w->nodes[i].cut = 1;
	sim_for_ms(w, 40000);
	for (unsigned int i = 0; i < w->n_nodes; i++) {
		w->nodes[i].cut = 0;
		sim_node_wake(&w->nodes[i]);
	}
}

/* Class 14: etcd is restored from a snapshot, with and without a bump of its revision. */
static void store_goes_back(struct sim_world *w, uint64_t bump, int forgotten)
{
	char claim[SIM_NAME_MAX], pod[SIM_NAME_MAX], node[SIM_NAME_MAX];
	uint64_t snapshot;

	w->restores = 1;
	w->calm = 1;
	for (unsigned int i = 0; i < FEW; i++) {
		(void)snprintf(claim, sizeof(claim), "a%u", i);
		(void)snprintf(pod, sizeof(pod), "p%u", i);
		(void)snprintf(node, sizeof(node), "n%u", i % 2);
		sim_make_claim(w, "db", claim, LAN);
		sim_make_pod(w, "db", pod, claim, node);
		sim_want(w, sim_wait_live(w, "db", pod, node, 60000) >= 0, "%s runs", pod);
	}
	sim_for_ms(w, 70000);
	snapshot = sim_store_rv(w->store);
	after_the_snapshot(w);
	sim_for_ms(w, 130000); /* nodes have seen a later epoch */
	sim_world_restore(w, snapshot, bump);
	sim_make_claim(w, "db", "new", LAN);
	sim_make_pod(w, "db", "new", "new", "n2");
	if (forgotten)
		forget_all(w);
	sim_for_ms(w, 600000);
	sim_want(w, sim_count_bound(w) == FEW + 1, "all bound, not %u", sim_count_bound(w));
	for (unsigned int i = 0; i < FEW; i++) {
		(void)snprintf(pod, sizeof(pod), "p%u", i);
		(void)snprintf(node, sizeof(node), "n%u", i % 2);
		sim_want(w, !strcmp(sim_live_on(w, "db", pod), node),
			 "%s runs on %s again, not on \"%s\"", pod, node,
			 sim_live_on(w, "db", pod));
	}
	sim_want(w, *sim_live_on(w, "db", "new"), "who came after the restore runs");
}

static void snapshot_as_it_was(struct sim_world *w)
{
	store_goes_back(w, 0, 0);
}

static void snapshot_with_a_bump(struct sim_world *w)
{
	store_goes_back(w, 1000000, 0);
}

static void snapshot_and_fresh_leaders(struct sim_world *w)
{
	store_goes_back(w, 0, 1);
}

/* Moves the store's version on by @n and changes nothing that matters. */
static void churn(struct sim_world *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		(void)sim_world_merge(w, "user", SIM_NODE, NULL, "n0", NULL,
				      sim_json("{\"metadata\":{\"labels\":{\"n\":\"%u\"}}}", i));
}

/*
 * Class 14 once more: a replica sleeps through it all and leads when it wakes. The server's
 * versions have passed what it saw last: its watches go on, and show nothing of what never was.
 */
static void restore_in_its_sleep(struct sim_world *w)
{
	static const char wish[] = "{\"name\":\"eth0\",\"network\":\"lan\",\"requestedIPs\":["
				   "\"10.99.0.20\"]}";
	uint64_t snapshot;

	w->restores = 1;
	w->calm = 1;
	sim_proc_lead(w->procs[1], 0);
	sim_make_claim(w, "db", "a0", LAN);
	sim_make_pod(w, "db", "p0", "a0", "n0");
	sim_want(w, sim_wait_live(w, "db", "p0", "n0", 60000) >= 0, "p0 runs");
	sim_for_ms(w, 70000);
	snapshot = sim_store_rv(w->store);
	sim_make_claim(w, "db", "never", wish);
	churn(w, 400);
	sim_for_ms(w, 130000);
	sim_want(w, *sim_claim_ip(w, "db", "never"), "who is forgotten later has an address");
	sim_proc_pause(w->procs[1], 900 * SIM_NS_PER_S);
	sim_world_restore(w, snapshot, 0);
	sim_for_ms(w, 800000);
	sim_want(w, !sim_proc_halted(w->procs[0]), "the restore is healed");
	churn(w, 400);
	sim_for_ms(w, 90000);
	sim_proc_kill(w->procs[0], 900 * SIM_NS_PER_S);
	sim_proc_lead(w->procs[1], 1);
	sim_make_claim(w, "db", "last", wish);
	sim_for_ms(w, 300000);
	sim_want(w, !strcmp(sim_claim_ip(w, "db", "last"), "10.99.0.20"),
		 "what never was has no address, but \"%s\"", sim_claim_ip(w, "db", "last"));
}

/* Class 18: a released address is not given again before its cooldown, whoever leads. */
static void cooldown_is_kept(struct sim_world *w)
{
	set_pool(w, "lan", "\"10.99.0.10\"");
	sim_make_claim(w, "db", "a", LAN);
	sim_for_ms(w, 5000);
	sim_want(w, *sim_claim_ip(w, "db", "a"), "bound");
	sim_make_claim(w, "db", "b", LAN);
	sim_delete(w, SIM_CLAIM, "db", "a", -1);
	sim_for_ms(w, 3000);
	sim_proc_kill(w->procs[0], 100 * 1000000);
	sim_for_ms(w, 1500);
	sim_want(w, !*sim_claim_ip(w, "db", "b"), "the second claim waits for the cooldown");
	sim_for_ms(w, 60000);
	sim_want(w, *sim_claim_ip(w, "db", "b"), "and gets the address");
}

/* Class 19: a /48, its last address, and counts that fit no integer. */
static void large_ipv6(struct sim_world *w)
{
	(void)sim_world_create(w, "admin", SIM_POOL, NULL,
			       sim_json("{\"metadata\":{\"name\":\"big\"},\"spec\":{\"domain\":"
					"\"big\",\"prefix\":\"fd01:99::/48\",\"ranges\":["
					"\"fd01:99::/48\"],\"mode\":\"bridge\"}}"));
	sim_make_claim(w, "db", "last",
		       "{\"name\":\"eth0\",\"network\":\"big\",\"requestedIPs\":["
		       "\"fd01:99:0:ffff:ffff:ffff:ffff:ffff\"]}");
	sim_make_claim(w, "db", "any", "{\"name\":\"eth0\",\"network\":\"big\"}");
	sim_for_ms(w, 20000);
	sim_want(w, !strcmp(sim_claim_ip(w, "db", "last"), "fd01:99:0:ffff:ffff:ffff:ffff:ffff"),
		 "the last address, not %s", sim_claim_ip(w, "db", "last"));
	sim_want(w, *sim_claim_ip(w, "db", "any"), "any address");
}

/* Class 20: one address in three spellings is one address. */
static void spellings_are_one(struct sim_world *w)
{
	static const char *const texts[] = { "fd00:99::77", "FD00:99:0::0077",
					     "fd00:0099:0000:0000:0000:0000:0000:0077" };
	unsigned int bound = 0;

	for (unsigned int i = 0; i < 3; i++) {
		char name[SIM_NAME_MAX], spec[256];

		(void)snprintf(name, sizeof(name), "t%u", i);
		(void)snprintf(spec, sizeof(spec),
			       "{\"name\":\"eth0\",\"network\":\"lan6\",\"requestedIPs\":[\"%s\"]}",
			       texts[i]);
		sim_make_claim(w, "db", name, spec);
	}
	sim_for_ms(w, 60000);
	bound = sim_count_bound(w);
	sim_want(w, bound == 1, "one of three is bound, not %u", bound);
}

/* Class 24: equal names in two namespaces, and a Node made anew under its old name. */
static void names_are_no_identity(struct sim_world *w)
{
	char first[SIM_NAME_MAX];

	sim_make_claim(w, "db", "a", LAN);
	sim_make_claim(w, "other", "a", LAN);
	sim_make_pod(w, "db", "p", "a", "n0");
	sim_make_pod(w, "other", "p", "a", "n0");
	sim_want(w, sim_wait_live(w, "db", "p", "n0", 20000) >= 0, "the first runs");
	sim_want(w, sim_wait_live(w, "other", "p", "n0", 20000) >= 0, "the other runs");
	sim_want(w, strcmp(sim_claim_ip(w, "db", "a"), sim_claim_ip(w, "other", "a")) != 0,
		 "two addresses");
	(void)snprintf(first, sizeof(first), "%s",
		       sim_claim_text(w, "db", "a", "status.holder.nodeUID"));
	/* The machine is cut off and another one takes its name; the old one still speaks. */
	sim_node_of(w, "n0")->ghost = 1;
	sim_delete(w, SIM_NODE, NULL, "n0", -1);
	(void)sim_node_new(w, "n0");
	sim_for_ms(w, 5000);
	sim_delete(w, SIM_POD, "db", "p", 0);
	sim_make_pod(w, "db", "q", "a", "n0");
	sim_for_ms(w, 120000);
	sim_want(w, !*sim_live_on(w, "db", "q"), "the new machine does not get the address");
	sim_want(w, !strcmp(first, sim_claim_text(w, "db", "a", "status.holder.nodeUID")),
		 "the holder is the old Node");
}

/* Class 25: a pool shrinks under its claims: they keep what they have, and it is not given again.
 */
static void shrunk_pool(struct sim_world *w)
{
	char ip[SIM_NAME_MAX];

	set_pool(w, "lan", "\"10.99.0.10-10.99.0.11\"");
	make_claims(w, 0, 2);
	sim_for_ms(w, 10000);
	(void)snprintf(ip, sizeof(ip), "%s", sim_claim_ip(w, "db", "h0"));
	set_pool(w, "lan", "\"10.99.0.12\"");
	sim_for_ms(w, 30000);
	sim_want(w, sim_count_bound(w) == 2, "both keep their addresses");
	sim_want(w, !strcmp(sim_claim_ip(w, "db", "h0"), ip), "the same ones");
	sim_delete(w, SIM_CLAIM, "db", "h0", -1);
	sim_for_ms(w, 60000);
	make_claims(w, 2, 4);
	sim_for_ms(w, 60000);
	sim_want(w, sim_count_bound(w) == 2, "one of two new ones is bound: %u",
		 sim_count_bound(w));
	sim_want(w,
		 strcmp(sim_claim_ip(w, "db", "h2"), ip) != 0 &&
			 strcmp(sim_claim_ip(w, "db", "h3"), ip) != 0,
		 "what left the pool is not given again");
}

/* Class 26: claims that nobody can serve, of every sort, and a good one after them. */
static void poison_blocks_nobody(struct sim_world *w)
{
	static const char *const specs[] = {
		"{\"interfaces\":7}",
		"{\"interfaces\":[]}",
		"{\"interfaces\":[{\"name\":{}}]}",
		"{\"interfaces\":[{\"name\":\"eth0\",\"network\":\"nowhere\"}]}",
		"{\"interfaces\":[{\"name\":\"eth0\",\"network\":\"lan\",\"requestedIPs\":[\"x\"]}]}",
		"{\"interfaces\":[{\"name\":\"eth0\",\"network\":\"lan\",\"requestedIPs\":["
		"\"192.0.2.1\"]}]}",
		"{\"interfaces\":[{\"name\":\"eth0\",\"networks\":[\"nowhere\",7,null]}]}",
		"{\"interfaces\":null,\"stickyKey\":[1],\"unitRef\":\"u\"}",
		"{}",
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(specs); i++)
		(void)sim_world_create(
			w, "user", SIM_CLAIM, "db",
			sim_json("{\"metadata\":{\"name\":\"x%zu\"},\"spec\":%s}", i, specs[i]));
	make_claims(w, 0, 3);
	sim_for_ms(w, 5000);
	sim_want(w, sim_count_bound(w) == 3, "the good ones are bound, not %u", sim_count_bound(w));
	sim_want(w, sim_count(w, SIM_ADDRESS) == 3, "three addresses");
}

const struct sim_scenario sim_scenarios[] = {
	{ "1 three leaders race for the last addresses", 3, race_hammer, NULL, 1 },
	{ "2 the orphan sweep spares the living", 2, sweep_spares_the_living, NULL, 0 },
	{ "3 a late DEL frees nobody", 1, late_del_frees_nobody, NULL, 0 },
	{ "4 killed at every call, dual stack on three interfaces", 1, NULL, killed_at_every_call,
	  0 },
	{ "5 every answer lost once", 2, NULL, every_answer_lost, 0 },
	{ "8 2,000 moves, half of them off a node that is cut off", 1, move_after_move, NULL, 0 },
	{ "10 a restart forgets nothing", 1, restart_forgets_nothing, NULL, 0 },
	{ "11 own writes are seen half a minute late", 1, own_writes_unseen, NULL, 0 },
	{ "12 a leader sleeps and wakes, clocks jump", 2, sleeper_wakes, NULL, 0 },
	{ "14 a store restored from a snapshot", 1, snapshot_as_it_was, NULL, 1 },
	{ "14 a store restored from a snapshot, its revision raised", 1, snapshot_with_a_bump, NULL,
	  1 },
	{ "14 a store restored from a snapshot, all leaders are new", 1, snapshot_and_fresh_leaders,
	  NULL, 1 },
	{ "14 a store restored from a snapshot, a replica sleeps through it", 2,
	  restore_in_its_sleep, NULL, 0 },
	{ "18 the cooldown is kept across leaders", 1, cooldown_is_kept, NULL, 0 },
	{ "19 IPv6 prefixes of any size", 1, large_ipv6, NULL, 1 },
	{ "20 one address, three spellings", 2, spellings_are_one, NULL, 1 },
	{ "24 names are no identity", 2, names_are_no_identity, NULL, 1 },
	{ "25 a pool shrinks under its claims", 2, shrunk_pool, NULL, 0 },
	{ "26 poison objects block nobody", 1, poison_blocks_nobody, NULL, 1 },
	{ NULL, 0, NULL, NULL, 0 },
};

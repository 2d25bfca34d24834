/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bed for the programs: the object loaded once in a network namespace of its own, maps emptied
 * before each test, named pods and packets, and one call that runs a program on a packet.
 */
#pragma once

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bw/bpf_abi.h>

#include "packet.h"

#define KIT_OBJECT "build/bpf/barewire.bpf.o"
#define KIT_IF 1 /* lo: the one device that is always there; it plays pod port and uplink */
#define KIT_GONE 4000000 /* no device has this ifindex */
#define KIT_BRIDGE 900
#define KIT_UPLINK_SLOT 100
#define KIT_GEN 7

enum { NEXT = TC_ACT_UNSPEC, FAST = TC_ACT_REDIRECT, SHOT = TC_ACT_SHOT };

struct kit {
	struct bpf_object *obj;
	int pod_tx, pod_rx, up_rx, up_tx;
	int ep, fdb, remote, uplink, slot, stat, bucket, sticky;
	unsigned int cpus;
	struct bw_stat *per_cpu; /* one of each CPU */
	uint8_t out[PK_MAX]; /* the frame that the last run left */
	int keeps_via; /* runs see what the run before remembered */
};

static struct kit kit;

static inline int kit_map(const char *name)
{
	return bpf_object__find_map_fd_by_name(kit.obj, name);
}

static inline int kit_prog(const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(kit.obj, name);

	return prog ? bpf_program__fd(prog) : -1;
}

/* Loads the object in a namespace of our own; a cmocka group's setup. */
static inline int kit_open(void **state)
{
	(void)state;
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	if (unshare(CLONE_NEWNET))
		return -1;
	kit.obj = bpf_object__open_file(KIT_OBJECT, NULL);
	if (!kit.obj || bpf_object__load(kit.obj))
		return -1;
	kit.pod_tx = kit_prog("bw_pod_tx");
	kit.pod_rx = kit_prog("bw_pod_rx");
	kit.up_rx = kit_prog("bw_up_rx");
	kit.up_tx = kit_prog("bw_up_tx");
	kit.ep = kit_map("bw_ep");
	kit.fdb = kit_map("bw_fdb");
	kit.remote = kit_map("bw_remote");
	kit.uplink = kit_map("bw_uplink");
	kit.slot = kit_map("bw_slot");
	kit.stat = kit_map("bw_stat");
	kit.bucket = kit_map("bw_bucket");
	kit.sticky = kit_map("bw_sticky");
	kit.cpus = (unsigned int)libbpf_num_possible_cpus();
	kit.per_cpu = calloc(kit.cpus, sizeof(*kit.per_cpu));
	return kit.per_cpu ? 0 : -1;
}

static inline int kit_close(void **state)
{
	(void)state;
	bpf_object__close(kit.obj);
	free(kit.per_cpu);
	return 0;
}

static inline void kit_empty(int map)
{
	uint8_t key[64];

	for (int i = 0; i < 100000 && !bpf_map_get_next_key(map, NULL, key); i++)
		(void)bpf_map_delete_elem(map, key);
}

#define KIT_SLOTS 200 /* the slots that tests use */

static inline int kit_reset(void **state)
{
	struct bw_bucket bucket = { 0 };
	struct bw_slot slot = { .gen = KIT_GEN };

	(void)state;
	kit.keeps_via = 0;
	memset(kit.per_cpu, 0, kit.cpus * sizeof(*kit.per_cpu));
	kit_empty(kit.ep);
	kit_empty(kit.fdb);
	kit_empty(kit.remote);
	kit_empty(kit.uplink);
	kit_empty(kit.sticky);
	for (uint32_t i = 0; i < KIT_SLOTS; i++) {
		assert_int_equal(bpf_map_update_elem(kit.slot, &i, &slot, BPF_ANY), 0);
		assert_int_equal(bpf_map_update_elem(kit.stat, &i, kit.per_cpu, BPF_ANY), 0);
		assert_int_equal(bpf_map_update_elem(kit.bucket, &i, &bucket, BPF_ANY), 0);
	}
	return 0;
}

static inline struct bw_stat kit_stat(uint32_t slot)
{
	struct bw_stat sum = { 0 };

	assert_int_equal(bpf_map_lookup_elem(kit.stat, &slot, kit.per_cpu), 0);
	for (unsigned int c = 0; c < kit.cpus; c++) {
		for (size_t i = 0; i < BW_PATH_MAX_; i++) {
			sum.packets[i] += kit.per_cpu[c].packets[i];
			sum.bytes[i] += kit.per_cpu[c].bytes[i];
		}
		for (size_t i = 0; i < BW_DROPS_MAX; i++)
			sum.drops[i] += kit.per_cpu[c].drops[i];
	}
	return sum;
}

/* The clock the programs use. */
static inline uint64_t kit_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static inline struct bw_mac_key kit_mac(uint32_t dev, uint16_t vid, char name)
{
	struct bw_mac_key key = { .dev = dev, .vid = vid };

	pk_mac(key.mac, name);
	return key;
}

static inline struct bw_net4 kit_net4(const char *text, int len)
{
	struct bw_net4 n = { .mask = len ? htonl(~0U << (32 - len)) : 0 };

	assert_int_equal(inet_pton(AF_INET, text, &n.addr), 1);
	return n;
}

static inline struct bw_net6 kit_net6(const char *text, int len)
{
	struct bw_net6 n = { 0 };

	for (int i = 0; i < len; i++)
		((uint8_t *)n.mask)[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	assert_int_equal(inet_pton(AF_INET6, text, n.addr), 1);
	return n;
}

#define KIT_CHECKED (BW_EP_F_CHECK_MAC | BW_EP_F_CHECK_IP | BW_EP_F_ACCEL)

/* A pod behind the uplink KIT_IF: 10.1.0.N, fd00::N, one more of each family. Slot = ifindex. */
static inline struct bw_ep kit_pod(char name, uint32_t slot, uint32_t flags)
{
	struct bw_ep ep = { .flags = flags,
			    .slot = slot,
			    .dev = KIT_IF,
			    .uplink = KIT_IF,
			    .max_len = 1514,
			    .bridge = KIT_BRIDGE,
			    .n_v4 = 2,
			    .n_v6 = 2 };

	pk_mac(ep.mac, name);
	ep.v4[0] = kit_net4("10.1.0.2", 32);
	ep.v4[1] = kit_net4("10.1.9.0", 24);
	ep.v6[0] = kit_net6("fd00::2", 128);
	ep.v6[1] = kit_net6("fd00:9::", 64);
	return ep;
}

static inline void kit_put_ep(uint32_t ifindex, const struct bw_ep *ep)
{
	assert_int_equal(bpf_map_update_elem(kit.ep, &ifindex, ep, BPF_ANY), 0);
}

static inline void kit_put_fdb(uint32_t dev, uint16_t vid, char name, uint32_t ifindex,
			       uint32_t slot, uint32_t flags)
{
	struct bw_mac_key key = kit_mac(dev, vid, name);
	struct bw_fdb e = { .ifindex = ifindex, .slot = slot, .gen = KIT_GEN, .flags = flags };

	assert_int_equal(bpf_map_update_elem(kit.fdb, &key, &e, BPF_ANY), 0);
}

static inline void kit_put_remote(uint32_t dev, uint16_t vid, char name, uint64_t age_ns)
{
	struct bw_mac_key key = kit_mac(dev, vid, name);
	struct bw_remote r = { .seen_ns = kit_now() - age_ns };

	assert_int_equal(bpf_map_update_elem(kit.remote, &key, &r, BPF_ANY), 0);
}

static inline int kit_has_remote(uint32_t dev, uint16_t vid, char name)
{
	struct bw_mac_key key = kit_mac(dev, vid, name);
	struct bw_remote r;

	return !bpf_map_lookup_elem(kit.remote, &key, &r);
}

static inline void kit_put_uplink(uint32_t ifindex, uint32_t flags, uint16_t vid)
{
	struct bw_uplink up = {
		.bridge = KIT_BRIDGE, .slot = KIT_UPLINK_SLOT, .flags = flags, .vid = vid
	};

	assert_int_equal(bpf_map_update_elem(kit.uplink, &ifindex, &up, BPF_ANY), 0);
}

static inline int kit_is_sticky(uint32_t slot)
{
	struct bw_slot s;

	assert_int_equal(bpf_map_lookup_elem(kit.slot, &slot, &s), 0);
	return (int)s.sticky;
}

/* What a run gave. */
struct kit_out {
	int verdict;
	size_t len; /* of kit.out */
	struct __sk_buff ctx;
};

#define KIT_VIA_SLOT 3 /* of the one pod that sends */

/* Forgets the sender's last destination, as if BW_VIA_NS had passed. */
static inline void kit_forget_via(void)
{
	uint32_t slot = KIT_VIA_SLOT;

	assert_int_equal(bpf_map_lookup_elem(kit.stat, &slot, kit.per_cpu), 0);
	for (unsigned int c = 0; c < kit.cpus; c++)
		memset(&kit.per_cpu[c].via, 0, sizeof(kit.per_cpu[c].via));
	assert_int_equal(bpf_map_update_elem(kit.stat, &slot, kit.per_cpu, BPF_ANY), 0);
}

/* Whether the kernel's test run takes the frame at all: since 6.18 an IP header must be whole. */
static inline int kit_can_run(const char *spec)
{
	struct pk p;
	size_t ip_size;

	pk_build(&p, spec);
	ip_size = p.b[12] == 0x08 && !p.b[13] ? 20 : p.b[12] == 0x86 && p.b[13] == 0xdd ? 40 : 0;
	return p.len >= 14 + ip_size;
}

/* Runs @prog once; @from: ifindex it entered this host by, 0 = the host's own. */
static __attribute__((noinline)) struct kit_out kit_run(int prog, uint32_t from, const char *spec)
{
	struct kit_out out = { 0 };
	struct __sk_buff ctx = { .ifindex = KIT_IF, .ingress_ifindex = from };
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct pk p;

	if (!kit.keeps_via)
		kit_forget_via();
	pk_build(&p, spec);
	opts.data_in = p.b;
	opts.data_size_in = (uint32_t)p.len;
	opts.data_out = kit.out;
	opts.data_size_out = sizeof(kit.out);
	opts.ctx_in = &ctx;
	opts.ctx_size_in = sizeof(ctx);
	opts.ctx_out = &out.ctx;
	opts.ctx_size_out = sizeof(out.ctx);
	if (bpf_prog_test_run_opts(prog, &opts))
		fail_msg("%s: test run: %s", spec, strerror(errno));
	out.verdict = (int)opts.retval;
	out.len = opts.data_size_out;
	return out;
}

/* As a tester says it: "next", "fast", or the reason of the one drop counted at @slot. */
static inline const char *kit_word(int verdict, const struct bw_stat *before,
				   const struct bw_stat *after)
{
	unsigned int reason = 0, n = 0;

	for (unsigned int i = 0; i < BW_DROPS_MAX; i++)
		if (after->drops[i] != before->drops[i]) {
			reason = i;
			n += (unsigned int)(after->drops[i] - before->drops[i]);
		}
	if (verdict == NEXT && !n)
		return "next";
	if (verdict == FAST && !n)
		return "fast";
	return verdict == SHOT && n == 1 ? bw_drop_str(reason) : "miscounted";
}

/* Runs and names the verdict, with the drop counter of @slot. */
static inline const char *kit_verdict(int prog, uint32_t from, uint32_t slot, const char *spec)
{
	struct bw_stat before = kit_stat(slot), after;
	struct kit_out out = kit_run(prog, from, spec);

	after = kit_stat(slot);
	return kit_word(out.verdict, &before, &after);
}

/* One line of a table: a packet and what becomes of it. */
struct kit_line {
	const char *what;
	const char *packet;
	const char *expect;
};

/* Runs all lines and names each that differs; fails at the end, not at the first. */
static inline void kit_table(int prog, uint32_t from, uint32_t slot, const struct kit_line *lines,
			     size_t n)
{
	unsigned int bad = 0;

	for (size_t i = 0; i < n; i++) {
		const char *got = kit_verdict(prog, from, slot, lines[i].packet);

		if (strcmp(got, lines[i].expect)) {
			print_error("%s: \"%s\": expected %s, got %s\n", lines[i].what,
				    lines[i].packet, lines[i].expect, got);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
}
#define KIT_TABLE(prog, from, slot, lines)                                                         \
	kit_table(prog, from, slot, lines, sizeof(lines) / sizeof((lines)[0]))

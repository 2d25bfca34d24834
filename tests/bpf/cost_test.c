/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each way through each program costs, against an empty program in the same run: printed,
 * never judged. Judged are the verdict, and that the kernel's verifier is far from its limit.
 */
#include "kit.h"

#define EMPTY_OBJECT "build/tests/bpf/empty.bpf.o"
#define REPEAT 200000
#define ROUNDS 7
#define VERIFIED_MAX 200000 /* of the kernel's 1,000,000 */

static double once(int prog, const char *spec, int expect)
{
	struct __sk_buff ctx = { .ifindex = KIT_IF, .ingress_ifindex = KIT_IF };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = REPEAT);
	struct pk p;

	pk_build(&p, spec);
	opts.data_in = p.b;
	opts.data_size_in = (uint32_t)p.len;
	opts.ctx_in = &ctx;
	opts.ctx_size_in = sizeof(ctx);
	assert_int_equal(bpf_prog_test_run_opts(prog, &opts), 0);
	assert_int_equal((int)opts.retval, expect);
	return (double)opts.duration;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct way {
	const char *what;
	const char *packet;
	int *prog;
	int verdict;
};

#define STICKY_PORT "81"
#define V4 "ip 10.1.0.2>10.1.0.9 tcp 4000>80 pad=64"
#define V6 "ip6 fd00::2>fd00::9 tcp 4000>80 pad=64"

static const struct way ways[] = {
	{ "pod to pod", "A>B " V4, &kit.pod_tx, FAST },
	{ "pod to pod, IPv6", "A>B " V6, &kit.pod_tx, FAST },
	{ "pod to outside", "A>X " V4, &kit.pod_tx, FAST },
	{ "pod to outside, IPv6", "A>X " V6, &kit.pod_tx, FAST },
	{ "pod to an unknown MAC", "A>Y " V4, &kit.pod_tx, NEXT },
	{ "pod to the host", "A>H " V4, &kit.pod_tx, NEXT },
	{ "pod, sticky flow", "A>B ip 10.1.0.2>10.1.0.9 tcp 4000>" STICKY_PORT, &kit.pod_tx, NEXT },
	{ "pod, beside sticky flows", "A>B " V4, &kit.pod_tx, FAST },
	{ "pod, ARP", "A>* arp=1 A@10.1.0.2>10.1.0.9", &kit.pod_tx, NEXT },
	{ "pod, forged MAC", "B>X " V4, &kit.pod_tx, SHOT },
	{ "pod, forged address", "A>X ip 10.1.0.3>10.1.0.9 tcp 4000>80", &kit.pod_tx, SHOT },
	{ "outside to pod", "X>A ip 10.1.0.9>10.1.0.2 tcp 80>4000 pad=64", &kit.up_rx, FAST },
	{ "outside to pod, IPv6", "X>A ip6 fd00::9>fd00::2 tcp 80>4000", &kit.up_rx, FAST },
	{ "outside to others", "X>Z " V4, &kit.up_rx, NEXT },
	{ "outside, broadcast", "X>* arp=1 X@10.1.0.9>10.1.0.2", &kit.up_rx, NEXT },
	{ "slow arrival, recorded", "X>A ip 10.1.0.9>10.1.0.2 tcp 80>4000", &kit.pod_rx, NEXT },
};

static void set_the_scene(void)
{
	struct bw_ep ep = kit_pod('A', 3, KIT_CHECKED);

	kit_put_ep(KIT_IF, &ep);
	kit_put_fdb(KIT_IF, 0, 'A', 1, 3, BW_FDB_F_LOCAL | BW_FDB_F_ACCEL);
	kit_put_fdb(KIT_IF, 0, 'B', 2, 4, BW_FDB_F_LOCAL | BW_FDB_F_ACCEL);
	kit_put_fdb(KIT_IF, 0, 'H', KIT_BRIDGE, 0, BW_FDB_F_HOST);
	kit_put_remote(KIT_IF, 0, 'X', 0);
	kit_put_uplink(KIT_IF, 0, 0);
}

/* A's slot as if a flow to STICKY_PORT had arrived slowly, or none. */
static void set_sticky(int is_sticky)
{
	struct bw_slot slot = { .gen = KIT_GEN };
	uint32_t three = 3;

	assert_int_equal(bpf_map_update_elem(kit.slot, &three, &slot, BPF_ANY), 0);
	if (is_sticky)
		kit_run(kit.pod_rx, KIT_IF, "X>A ip 10.1.0.9>10.1.0.2 tcp " STICKY_PORT ">4000");
}

static void costs_are_printed(void **state)
{
	struct bpf_object *obj = bpf_object__open_file(EMPTY_OBJECT, NULL);
	double ns[ROUNDS], zero[ROUNDS];
	int empty;

	(void)state;
	assert_non_null(obj);
	assert_int_equal(bpf_object__load(obj), 0);
	empty = bpf_program__fd(bpf_object__find_program_by_name(obj, "bw_empty"));
	set_the_scene();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		set_sticky(strstr(ways[i].what, "sticky") != NULL);
		for (int r = 0; r < ROUNDS; r++) {
			zero[r] = once(empty, "A>B " V4, NEXT);
			ns[r] = once(*ways[i].prog, ways[i].packet, ways[i].verdict);
		}
		qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
		qsort(zero, ROUNDS, sizeof(zero[0]), by_value);
		print_message("# %-24s %4.0f ns, empty program %3.0f ns\n", ways[i].what,
			      ns[ROUNDS / 2], zero[ROUNDS / 2]);
	}
	bpf_object__close(obj);
}

static void the_verifier_is_far_from_its_limit(void **state)
{
	const int progs[] = { kit.pod_tx, kit.pod_rx, kit.up_rx, kit.up_tx };

	(void)state;
	for (size_t i = 0; i < sizeof(progs) / sizeof(progs[0]); i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(progs[i], &info, &size), 0);
		print_message("# %-9s %6u verified, %5u bytes, %5u as machine code\n", info.name,
			      info.verified_insns, info.xlated_prog_len, info.jited_prog_len);
		assert_in_range(info.verified_insns, 1, VERIFIED_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(costs_are_printed, kit_reset),
		cmocka_unit_test_setup(the_verifier_is_far_from_its_limit, kit_reset),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, kit_open, kit_close);
}

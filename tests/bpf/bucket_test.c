/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets: rate, burst, debt, the credit after a drop, and that a frame is charged once. */
#include "kit.h"

#define MS 1000000ULL
#define SECOND 1000000000ULL
#define A_SLOT 3
#define B_SLOT 4
#define RATE_BPS 8000000ULL /* a byte is a microsecond */
#define COST_NS 1000ULL
#define BURST_MS 100ULL
#define LOCAL_FAST (BW_FDB_F_LOCAL | BW_FDB_F_ACCEL)
#define A_TO_B "A>B ip 10.1.0.2>10.1.0.9 tcp 4000>80 pad=946" /* 1000 bytes */
#define A_TO_X "A>X ip 10.1.0.2>10.1.0.9 tcp 4000>80 pad=946"
#define X_TO_A "X>A ip 10.1.0.9>10.1.0.2 tcp 80>4000 pad=946"
#define FRAME 1000ULL

static void put_bucket(uint32_t slot, uint64_t tat_ns, uint64_t last_drop_ns)
{
	const struct bw_bucket_dir d = { .cost_q16 = COST_NS << 16,
					 .depth_ns = BURST_MS * MS,
					 .tat_ns = tat_ns,
					 .last_drop_ns = last_drop_ns };
	struct bw_bucket b = { .dir = { d, d } };

	assert_int_equal(bpf_map_update_elem(kit.bucket, &slot, &b, BPF_ANY), 0);
}

static struct bw_bucket_dir get_bucket(uint32_t slot, enum bw_dir dir)
{
	struct bw_bucket b;

	assert_int_equal(bpf_map_lookup_elem(kit.bucket, &slot, &b), 0);
	return b.dir[dir];
}

static void scene(uint32_t a_flags, uint32_t b_flags)
{
	struct bw_ep ep = kit_pod('A', A_SLOT, KIT_CHECKED | a_flags);

	kit_put_ep(KIT_IF, &ep);
	kit_put_fdb(KIT_IF, 0, 'A', KIT_IF, A_SLOT, LOCAL_FAST | (a_flags & BW_FDB_F_RATE_RX));
	kit_put_fdb(KIT_IF, 0, 'B', 2, B_SLOT, LOCAL_FAST | b_flags);
	kit_put_remote(KIT_IF, 0, 'X', 0);
	kit_put_uplink(KIT_IF, 0, 0);
}

/* How many of @n frames pass when they come at once. */
static unsigned int burst(int prog, const char *packet, unsigned int n)
{
	unsigned int passed = 0;

	for (unsigned int i = 0; i < n; i++)
		passed += kit_run(prog, KIT_IF, packet).verdict != SHOT;
	return passed;
}

/* @n frames, of which @frames pass and as many more as the rate earns while the test runs. */
static void expect_burst(unsigned int n, unsigned int frames)
{
	uint64_t start = kit_now();
	unsigned int passed = burst(kit.pod_tx, A_TO_X, n);
	uint64_t earned = (kit_now() - start) / (FRAME * COST_NS) + 1;

	if (frames + earned < n)
		assert_in_range(passed, frames, frames + earned);
	else
		assert_in_range(passed, frames, n); /* too slow a machine to tell */
}

/* 100 ms of the rate are 100 frames. */
static void a_full_bucket_lets_its_burst_through_and_no_more(void **state)
{
	struct bw_stat stat;

	(void)state;
	scene(BW_EP_F_RATE_TX, 0);
	put_bucket(A_SLOT, 0, 0);
	expect_burst(300, 100);
	stat = kit_stat(A_SLOT);
	assert_int_equal(stat.drops[BW_DROP_RATE] + stat.packets[BW_PATH_TX_FAST], 300);
}

static void an_empty_bucket_lets_nothing_through(void **state)
{
	(void)state;
	scene(BW_EP_F_RATE_TX, 0);
	put_bucket(A_SLOT, kit_now() + SECOND, 0);
	assert_int_equal(burst(kit.pod_tx, A_TO_X, 5), 0);
}

static void one_frame_may_go_into_debt(void **state)
{
	uint64_t now = kit_now();

	(void)state;
	scene(BW_EP_F_RATE_TX, 0);
	put_bucket(A_SLOT, now - 1, 0); /* a nanosecond's worth is left */
	assert_int_equal(burst(kit.pod_tx, A_TO_X, 1), 1);
	assert_true(get_bucket(A_SLOT, BW_DIR_TX).tat_ns >= now - 1 + FRAME * COST_NS);
}

/* A sender whose window was dropped is silent for 200 ms; what it earned then is its own. */
static void after_a_drop_the_bucket_fills_beyond_its_burst(void **state)
{
	(void)state;
	scene(BW_EP_F_RATE_TX, 0);
	put_bucket(A_SLOT, kit_now() - 200 * MS, kit_now() - 200 * MS);
	expect_burst(400, 200);
	/* long after it, the burst alone counts */
	put_bucket(A_SLOT, kit_now() - SECOND, kit_now() - SECOND);
	expect_burst(300, 100);
}

static void a_drop_is_remembered(void **state)
{
	uint64_t now = kit_now();

	(void)state;
	scene(BW_EP_F_RATE_TX, 0);
	put_bucket(A_SLOT, now + SECOND, 0);
	assert_int_equal(burst(kit.pod_tx, A_TO_X, 1), 0);
	assert_true(get_bucket(A_SLOT, BW_DIR_TX).last_drop_ns >= now);
	assert_int_equal(get_bucket(A_SLOT, BW_DIR_TX).tat_ns, now + SECOND);
}

/* Each way, which buckets it charges, and how often: (tx of A, rx of A, rx of B) in frames. */
static const struct {
	const char *what;
	int *prog;
	const char *packet;
	unsigned int a_tx, a_rx, b_rx;
} ways[] = {
	{ "pod to pod", &kit.pod_tx, A_TO_B, 1, 0, 1 },
	{ "pod to outside", &kit.pod_tx, A_TO_X, 1, 0, 0 },
	{ "pod to the bridge", &kit.pod_tx, "A>Y ip 10.1.0.2>10.1.0.9 tcp 4000>80 pad=946", 1, 0,
	  0 },
	{ "outside to pod", &kit.up_rx, X_TO_A, 0, 1, 0 },
	{ "outside to the bridge", &kit.up_rx, "X>A type=0x88cc pad=986", 0, 0, 0 },
	{ "slow arrival", &kit.pod_rx, X_TO_A, 0, 1, 0 },
};

static unsigned int frames(uint32_t slot, enum bw_dir dir, uint64_t start)
{
	return (unsigned int)((get_bucket(slot, dir).tat_ns - start) / (FRAME * COST_NS));
}

#define TRIES_MAX 100

/*
 * Charges one frame of a way; whether it happened before the buckets, half full at first, were
 * full: a full one knows nothing of what it was charged before, and a busy guest may be that slow.
 */
static int charge(size_t way, void **state, uint64_t *ret_start)
{
	uint64_t start = kit_now() - BURST_MS * MS / 2;

	kit_reset(state);
	scene(BW_EP_F_RATE_TX | BW_EP_F_RATE_RX, BW_FDB_F_RATE_RX);
	put_bucket(A_SLOT, start, 0);
	put_bucket(B_SLOT, start, 0);
	assert_int_not_equal(kit_run(*ways[way].prog, KIT_IF, ways[way].packet).verdict, SHOT);
	*ret_start = start;
	return kit_now() - start < BURST_MS * MS;
}

static void a_frame_is_charged_once_on_each_side(void **state)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		unsigned int tries = 0;
		uint64_t start;

		while (!charge(i, state, &start))
			assert_true(++tries < TRIES_MAX);
		if (frames(A_SLOT, BW_DIR_TX, start) != ways[i].a_tx ||
		    frames(A_SLOT, BW_DIR_RX, start) != ways[i].a_rx ||
		    frames(B_SLOT, BW_DIR_RX, start) != ways[i].b_rx)
			fail_msg("%s is charged wrongly", ways[i].what);
	}
}

static void a_receivers_limit_is_counted_at_the_receiver(void **state)
{
	(void)state;
	scene(0, BW_FDB_F_RATE_RX);
	put_bucket(B_SLOT, kit_now() + SECOND, 0);
	assert_string_equal(kit_verdict(kit.pod_tx, KIT_IF, B_SLOT, A_TO_B), "rate");
	assert_int_equal(kit_stat(B_SLOT).packets[BW_PATH_RX_FAST], 0);
	assert_int_equal(kit_stat(A_SLOT).drops[BW_DROP_RATE], 0);
}

/* Two equal limits in a row: what the receiver's drops, the sender gets back. */
static void a_frame_the_receiver_drops_is_not_the_senders(void **state)
{
	uint64_t start;

	(void)state;
	scene(BW_EP_F_RATE_TX, BW_FDB_F_RATE_RX);
	start = kit_now() - 1; /* so that the longest time is left until the bucket is full */
	put_bucket(A_SLOT, start, 0);
	put_bucket(B_SLOT, kit_now() + SECOND, 0);
	assert_string_equal(kit_verdict(kit.pod_tx, KIT_IF, B_SLOT, A_TO_B), "rate");
	assert_int_equal(get_bucket(A_SLOT, BW_DIR_TX).tat_ns, start);
	assert_true(get_bucket(A_SLOT, BW_DIR_TX).last_drop_ns > start);
}

static void a_forged_frame_costs_nothing(void **state)
{
	uint64_t start = kit_now();

	(void)state;
	scene(BW_EP_F_RATE_TX, 0);
	put_bucket(A_SLOT, start, 0);
	assert_string_equal(
		kit_verdict(kit.pod_tx, KIT_IF, A_SLOT, "B>X ip 10.1.0.2>10.1.0.9 tcp 1>2"), "mac");
	assert_int_equal(get_bucket(A_SLOT, BW_DIR_TX).tat_ns, start);
}

/* A GSO frame is charged the headers of all its segments. */
static void a_gso_frame_is_charged_as_on_the_wire(void **state)
{
	struct __sk_buff ctx = { .ifindex = KIT_IF, .gso_segs = 10, .gso_size = 100 };
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	uint64_t start;
	struct pk p;

	(void)state;
	scene(BW_EP_F_RATE_TX, 0);
	pk_build(&p, A_TO_X);
	start = kit_now() - 1;
	put_bucket(A_SLOT, start, 0);
	opts.data_in = p.b;
	opts.data_size_in = (uint32_t)p.len;
	opts.ctx_in = &ctx;
	opts.ctx_size_in = sizeof(ctx);
	assert_int_equal(bpf_prog_test_run_opts(kit.pod_tx, &opts), 0);
	assert_int_equal((get_bucket(A_SLOT, BW_DIR_TX).tat_ns - start) / COST_NS,
			 FRAME + 9 * (14 + 20 + 32));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_full_bucket_lets_its_burst_through_and_no_more, kit_reset),
		cmocka_unit_test_setup(an_empty_bucket_lets_nothing_through, kit_reset),
		cmocka_unit_test_setup(one_frame_may_go_into_debt, kit_reset),
		cmocka_unit_test_setup(after_a_drop_the_bucket_fills_beyond_its_burst, kit_reset),
		cmocka_unit_test_setup(a_drop_is_remembered, kit_reset),
		cmocka_unit_test_setup(a_frame_is_charged_once_on_each_side, kit_reset),
		cmocka_unit_test_setup(a_receivers_limit_is_counted_at_the_receiver, kit_reset),
		cmocka_unit_test_setup(a_frame_the_receiver_drops_is_not_the_senders, kit_reset),
		cmocka_unit_test_setup(a_forged_frame_costs_nothing, kit_reset),
		cmocka_unit_test_setup(a_gso_frame_is_charged_as_on_the_wire, kit_reset),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, kit_open, kit_close);
}

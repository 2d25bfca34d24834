/* SPDX-License-Identifier: Apache-2.0 */
/* The program that picks frames about our addresses, run by the kernel itself. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if_arp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <bw/announce.h>

#include "conflict.h"

static const struct bw_mac other = { { 2, 0, 0, 0, 0, 9 } };

static struct bw_ip ip(const char *text)
{
	struct bw_ip out;

	assert_int_equal(bw_ip_parse(text, &out), 0);
	return out;
}

/* Whether a socket with the program gets the frame. */
static int passes(const struct bw_ip *ips, size_t n, const void *frame, size_t size)
{
	static struct sock_filter insns[AGENT_CONFLICT_INSNS_MAX];
	struct sock_fprog prog = { .filter = insns };
	uint8_t data[BW_FRAME_MAX];
	int fds[2];
	ssize_t got;

	prog.len = (unsigned short)agent_conflict_filter(ips, n, insns);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), 0);
	(void)send(fds[0], frame, size, 0); /* one that is filtered fails with EPERM */
	got = recv(fds[1], data, sizeof(data), 0);
	close(fds[0]);
	close(fds[1]);
	if (got >= 0)
		assert_int_equal((size_t)got, size);
	return got >= 0;
}

static int arp_passes(const struct bw_ip *ips, size_t n, const char *spa, const char *tpa)
{
	const struct bw_frame_arp a = {
		.sha = other, .spa = ip(spa), .tpa = ip(tpa), .op = ARPOP_REQUEST
	};
	struct bw_frame f;

	bw_frame_arp(&f, &a);
	return passes(ips, n, f.data, f.size);
}

static int na_passes(const struct bw_ip *ips, size_t n, const char *target)
{
	const struct bw_ip to = ip(target);
	struct bw_frame f;

	bw_frame_na(&f, &other, &to, 0);
	return passes(ips, n, f.data, f.size);
}

static void arp_passes_when_its_sender_is_one_of_ours(void **state)
{
	const struct bw_ip ips[] = { ip("10.99.2.77"), ip("fd99::77"), ip("10.99.2.78") };

	(void)state;
	assert_true(arp_passes(ips, 3, "10.99.2.77", "10.99.2.77"));
	assert_true(arp_passes(ips, 3, "10.99.2.78", "10.99.0.1"));
	assert_false(arp_passes(ips, 3, "10.99.2.79", "10.99.2.77"));
	assert_false(arp_passes(ips, 3, "0.0.0.0", "10.99.2.77"));
	assert_false(arp_passes(ips, 0, "10.99.2.77", "10.99.2.77"));
}

static void an_advertisement_passes_when_its_target_is_one_of_ours(void **state)
{
	const struct bw_ip ips[] = { ip("10.99.2.77"), ip("fd99::77") };
	const struct bw_ip target = ip("fd99::77");
	struct bw_frame f;

	(void)state;
	assert_true(na_passes(ips, 2, "fd99::77"));
	assert_false(na_passes(ips, 2, "fd99::78"));
	bw_frame_ns_probe(&f, &other, &target, 0);
	assert_false(passes(ips, 2, f.data, f.size));
}

static void other_protocols_and_short_frames_do_not_pass(void **state)
{
	const struct bw_ip ips[] = { ip("10.99.2.77"), ip("fd99::77") };
	uint8_t frame[60] = { 0 };

	(void)state;
	frame[12] = 0x08;
	assert_false(passes(ips, 2, frame, sizeof(frame)));
	frame[13] = 0x06;
	assert_false(passes(ips, 2, frame, 20)); /* ends before the sender */
}

static void as_many_addresses_as_fit_are_told_apart_and_more_let_everything_through(void **state)
{
	static struct bw_ip ips[AGENT_CONFLICT_IPS_MAX];

	(void)state;
	for (size_t i = 0; i < AGENT_CONFLICT_IPS_MAX; i++) {
		const uint8_t b[4] = { 10, 1, (uint8_t)(i >> 8), (uint8_t)i };

		ips[i] = bw_ip_from_bytes(AF_INET, b);
	}
	assert_true(arp_passes(ips, AGENT_CONFLICT_IPS_MAX, "10.1.7.107", "10.1.0.1"));
	assert_false(arp_passes(ips, AGENT_CONFLICT_IPS_MAX, "10.1.7.108", "10.1.0.1"));
	assert_true(arp_passes(ips, AGENT_CONFLICT_IPS_MAX + 1, "10.9.9.9", "10.1.0.1"));
	assert_true(na_passes(ips, AGENT_CONFLICT_IPS_MAX + 1, "fd99::77"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_passes_when_its_sender_is_one_of_ours),
		cmocka_unit_test(an_advertisement_passes_when_its_target_is_one_of_ours),
		cmocka_unit_test(other_protocols_and_short_frames_do_not_pass),
		cmocka_unit_test(
			as_many_addresses_as_fit_are_told_apart_and_more_let_everything_through),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink answers: whatever comes, every parser stays within its message, and what a route parser
 * takes can be built again.
 */
#include <assert.h>
#include <string.h>

#include <bw/addr.h>
#include <bw/err.h>
#include <bw/link.h>
#include <bw/neigh.h>
#include <bw/nft.h>
#include <bw/nl.h>
#include <bw/probe.h>
#include <bw/route.h>

#define OPS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bw_nl_batch batch;

static int on_reply(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	(void)err;
	(void)bw_link_parse(nlh, arg); /* refused or not, ignoring */
	return 0;
}

/* As answers to a batch whose messages have the sequence numbers 1 to OPS. */
static void as_answers(const void *data, size_t size)
{
	struct bw_err err = { 0 };
	struct bw_link link;

	bw_nl_batch_init(&batch);
	for (uint32_t i = 0; i < OPS; i++) {
		struct nlmsghdr *nlh;

		bw_link_put_get(&batch, 1, NULL, &link);
		bw_nl_on_reply(&batch, on_reply, &link);
		nlh = (void *)(batch.data + batch.ops[i].offset);
		nlh->nlmsg_seq = i + 1;
	}
	(void)bw_nl_take(&batch, data, size, &err);
	assert(batch.failed >= -1 && batch.failed < OPS);
	assert(batch.failed < 0 || batch.ops[batch.failed].result < 0);
	assert(strnlen(err.msg, sizeof(err.msg)) < sizeof(err.msg));
}

static void each_parser(const struct nlmsghdr *nlh)
{
	struct bw_nft_rule rule;
	struct bw_link link;
	struct bw_addr addr;
	struct bw_route route;
	struct bw_fdb fdb;

	if (bw_link_parse(nlh, &link) == 0)
		assert(strlen(link.name) <= BW_LINK_NAME_MAX);
	if (bw_addr_parse(nlh, &addr) == 0)
		assert(addr.prefix.len <= bw_ip_bits(addr.prefix.ip.family));
	(void)bw_fdb_parse(nlh, &fdb);
	if (bw_nft_rule_parse(nlh, &rule))
		assert(rule.network[0] && rule.container_id[0] && rule.ifname[0]);
	bw_nl_batch_init(&batch);
	if (bw_route_put_moved(&batch, nlh, 1, 2) == 0) {
		assert(batch.n == 1 && !batch.overflow);
		assert(bw_route_parse((void *)batch.data, &route) == 0);
	} else {
		assert(batch.n == 0 && batch.size == 0);
	}
}

static void as_frame(const void *data, size_t size)
{
	struct bw_ip ips[2] = { { .family = AF_INET }, { .family = AF_INET6 } };
	struct bw_probe p = { .ips = ips, .n_ips = 2 };
	struct bw_probe_answer who;

	(void)bw_probe_match(&p, data, size, &who);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy that is aligned and ends with the input. */
	unsigned char *copy = malloc(size + 1);
	const unsigned char *p = copy;
	const struct nlmsghdr *nlh;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	as_frame(copy, size);
	as_answers(copy, size);
	while ((nlh = bw_nl_next(&p, &size)))
		each_parser(nlh);
	free(copy);
	return 0;
}

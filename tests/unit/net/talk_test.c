/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations with a kernel that has a PF, VFs and RDMA devices, of which this one has none. */
#include <rdma/rdma_netlink.h>
#include <stdio.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/link.h>
#include <bw/nl.h>
#include <bw/rdma.h>
#include <bw/vf.h>

#include "failalloc.h"
#include "fake_kernel.h"
#include "reply.h"

#define NLDEV(cmd) RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, cmd)

static struct reply reply;
static struct bw_err err;
static struct bw_nl *nl;

#define assert_ok(e)                                                                               \
	do {                                                                                       \
		int r_ = (e);                                                                      \
		if (r_ < 0)                                                                        \
			fail_msg("%s: %d: %s", #e, r_, err.msg);                                   \
	} while (0)

static int open_route(void **state)
{
	(void)state;
	fake_reset();
	memset(&err, 0, sizeof(err));
	return bw_nl_open(BW_NL_ROUTE, NULL, &nl, &err);
}

static int open_rdma(void **state)
{
	(void)state;
	fake_reset();
	memset(&err, 0, sizeof(err));
	return bw_nl_open(BW_NL_RDMA, NULL, &nl, &err);
}

static int close_nl(void **state)
{
	(void)state;
	bw_nl_close(&nl);
	fake_reset();
	return 0;
}

static uint32_t ext_mask(const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[IFLA_EXT_MASK + 1];

	bw_nl_attrs(nlh, sizeof(struct ifinfomsg), tb, IFLA_EXT_MASK);
	return bw_nl_u32(tb[IFLA_EXT_MASK], 0);
}

/* A PF with 400 VFs, of which the driver describes 399. */
static void answer_pf(const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	assert_int_equal(nlh->nlmsg_type, RTM_GETLINK);
	assert_int_equal(ext_mask(nlh), RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
	if (ifi->ifi_index != 7) {
		fake_ack(nlh, ENODEV);
		return;
	}
	reply_pf(&reply, 400, 399);
	fake_reply(reply.nlh);
}

static int count(const struct bw_vf *vf, void *arg, struct bw_err *e)
{
	uint32_t *n = arg;

	(void)e;
	assert_int_equal(vf->index, *n);
	++*n;
	return 0;
}

static void hundreds_of_vfs_come_whole(void **state)
{
	struct bw_vf vf = { .index = 77 };
	uint32_t n = 0;

	(void)state;
	fake.on_request = answer_pf;
	assert_int_equal(bw_vf_list(nl, 7, count, &n, &err), 400);
	assert_int_equal(n, 399);
	assert_int_equal(bw_vf_list(nl, 8, count, &n, &err), -ENODEV);
	assert_int_equal(bw_vf_get(nl, 8, 0, &vf, &err), -ENODEV);
	assert_int_equal(bw_vf_get(nl, 7, 400, &vf, &err), -ERANGE);
	assert_string_equal(err.msg, "device 7 has no VF 400, only 400");
	assert_int_equal(bw_vf_get(nl, 7, 399, &vf, &err), -EOPNOTSUPP);
	assert_int_equal(err.class, BW_ERR_UNSUPPORTED);
	assert_int_equal(vf.index, 77);
	assert_ok(bw_vf_get(nl, 7, 398, &vf, &err));
	assert_int_equal(vf.index, 398);
	assert_int_equal(vf.max_tx_rate, 797);
}

/* What is not the kernel's comes first, then an answer to another question, then one too large. */
static void answer_with_noise(const struct nlmsghdr *nlh)
{
	reply_pf(&reply, 1, 0);
	reply.nlh->nlmsg_seq = nlh->nlmsg_seq;
	fake_queue(fake.fd, reply.nlh, reply.nlh->nlmsg_len, 4711, 0);
	reply.nlh->nlmsg_seq = nlh->nlmsg_seq - 1;
	fake_queue(fake.fd, reply.nlh, reply.nlh->nlmsg_len, 0, 0);
	reply_pf(&reply, 2, 2);
	fake_reply(reply.nlh);
}

static void answer_too_much(const struct nlmsghdr *nlh)
{
	static unsigned char data[BW_NL_BIG_MAX + 4];

	(void)nlh;
	fake_queue(fake.fd, data, sizeof(data), 0, 0);
}

static void only_the_kernels_answer_counts(void **state)
{
	uint32_t n = 0;

	(void)state;
	fake.on_request = answer_with_noise;
	assert_int_equal(bw_vf_list(nl, 7, count, &n, &err), 2);
	assert_int_equal(n, 2);
	fake.on_request = answer_too_much;
	assert_int_equal(bw_vf_list(nl, 7, count, &n, &err), -EMSGSIZE);
}

static void answer_small_pf(const struct nlmsghdr *nlh)
{
	(void)nlh;
	reply_pf(&reply, 3, 3);
	fake_reply(reply.nlh);
}

static void a_failed_allocation_is_said(void **state)
{
	uint32_t n = 0;
	long at = 0;
	int failed;

	(void)state;
	fake.on_request = answer_small_pf;
	do {
		int r;

		n = 0;
		fail_alloc_start(at++);
		r = bw_vf_list(nl, 7, count, &n, &err);
		failed = fail_alloc_stop();
		/* The answer that was not taken is none to the next question. */
		assert_int_equal(r, failed ? -ENOMEM : 3);
	} while (failed);
}

/* What igb of Linux 6.12 says to each kind. */
static char sent[256];

static void answer_as_igb(const struct nlmsghdr *nlh)
{
	static const struct {
		uint16_t type;
		const char *name;
		int errnum;
	} kinds[] = {
		{ IFLA_VF_MAC, "mac", 0 },
		{ IFLA_VF_VLAN, "vlan", 0 },
		{ IFLA_VF_VLAN_LIST, "vlan_list", EPROTONOSUPPORT },
		{ IFLA_VF_RATE, "rate", 0 },
		{ IFLA_VF_SPOOFCHK, "spoofchk", 0 },
		{ IFLA_VF_LINK_STATE, "link_state", EOPNOTSUPP },
		{ IFLA_VF_RSS_QUERY_EN, "rss_query", EOPNOTSUPP },
		{ IFLA_VF_TRUST, "trust", 0 },
	};
	const struct nlattr *tb[IFLA_VFINFO_LIST + 1], *list[IFLA_VF_INFO + 1];
	const struct nlattr *vf[IFLA_VF_MAX + 1];
	struct ifla_vf_rate rate;
	int errnum = 0;

	assert_int_equal(nlh->nlmsg_type, RTM_SETLINK);
	bw_nl_attrs(nlh, sizeof(struct ifinfomsg), tb, IFLA_VFINFO_LIST);
	bw_nl_attrs_nested(tb[IFLA_VFINFO_LIST], 0, list, IFLA_VF_INFO);
	bw_nl_attrs_nested(list[IFLA_VF_INFO], 0, vf, IFLA_VF_MAX);
	for (size_t i = 0; i < BW_ARRAY_SIZE(kinds); i++) {
		if (!vf[kinds[i].type])
			continue;
		(void)snprintf(sent + strlen(sent), sizeof(sent) - strlen(sent), "%s ",
			       kinds[i].name);
		if (!errnum)
			errnum = kinds[i].errnum;
	}
	if (bw_nl_bytes(vf[IFLA_VF_RATE], &rate, sizeof(rate)) && rate.min_tx_rate)
		errnum = EINVAL;
	fake_ack(nlh, errnum);
}

static int set(const struct bw_vf *vf, unsigned int what)
{
	sent[0] = '\0';
	memset(&err, 0, sizeof(err));
	return bw_vf_set(nl, 7, vf, what, &err);
}

static void settings_go_one_by_one_until_one_is_refused(void **state)
{
	struct bw_vf vf = { .index = 2, .vlan = 5, .max_tx_rate = 100 };

	(void)state;
	fake.on_request = answer_as_igb;
	assert_ok(set(&vf, BW_VF_SET_TRUST | BW_VF_SET_MAC | BW_VF_SET_VLAN | BW_VF_SET_RATE |
				   BW_VF_SET_SPOOFCHK));
	assert_string_equal(sent, "mac vlan rate spoofchk trust ");
	assert_int_equal(set(&vf, BW_VF_ALL), -EOPNOTSUPP);
	assert_string_equal(sent, "mac vlan rate spoofchk link_state ");
	assert_non_null(strstr(err.msg, "set link_state of VF 2"));
	assert_int_equal(set(&vf, BW_VF_SET_RSS_QUERY), -EOPNOTSUPP);
	assert_string_equal(sent, "rss_query ");
	vf.proto = BW_VF_PROTO_8021AD;
	assert_int_equal(set(&vf, BW_VF_SET_VLAN), -EPROTONOSUPPORT);
	assert_string_equal(sent, "vlan_list ");
	vf.min_tx_rate = 10;
	assert_int_equal(set(&vf, BW_VF_SET_RATE), -EINVAL);
	assert_non_null(strstr(err.msg, "set rate of VF 2"));
	assert_ok(set(&vf, 0));
	assert_string_equal(sent, "");
	vf.vlan = 4095;
	assert_int_equal(set(&vf, BW_VF_ALL), -ERANGE);
	assert_string_equal(sent, "");
}

static void never_asks_for_vfs(const struct nlmsghdr *nlh)
{
	assert_int_equal(nlh->nlmsg_type, RTM_GETLINK);
	assert_int_equal(ext_mask(nlh), RTEXT_FILTER_SKIP_STATS);
	reply_names(&reply, NULL, 0);
	if (!(nlh->nlmsg_flags & NLM_F_DUMP)) {
		fake_reply(reply.nlh);
		return;
	}
	reply.nlh->nlmsg_flags = NLM_F_MULTI;
	fake_reply(reply.nlh);
	fake_done();
}

static int ignore(const struct bw_link *link, void *arg, struct bw_err *e)
{
	(void)link;
	(void)arg;
	(void)e;
	return 0;
}

static void ordinary_look_ups_do_not_ask_for_vfs(void **state)
{
	struct bw_link_visitor v = { NULL, ignore, NULL };
	struct bw_link_altnames names;
	struct bw_link link;

	(void)state;
	fake.on_request = never_asks_for_vfs;
	assert_ok(bw_link_get(nl, 8, NULL, &link, &err));
	assert_ok(bw_link_get(nl, 0, "x", &link, &err));
	assert_ok(bw_link_list(nl, 0, &v, &err));
	assert_ok(bw_link_altnames(nl, 8, &names, &err));
	assert_int_equal(bw_link_find_pci(nl, "0000:01:10.0", &link, &err), 1);
	assert_int_equal(link.ifindex, 8);
	assert_int_equal(bw_link_find_pci(nl, "0000:01:10.2", &link, &err), 0);
	assert_true(fake.requests >= 6);
}

static char longest[BW_LINK_ALTNAME_MAX + 1];

static void answer_many_names(const struct nlmsghdr *nlh)
{
	const char *many[BW_LINK_ALTNAMES_MAX];

	(void)nlh;
	memset(longest, 'n', BW_LINK_ALTNAME_MAX);
	for (size_t i = 0; i < BW_ARRAY_SIZE(many); i++)
		many[i] = longest;
	reply_names(&reply, many, BW_LINK_ALTNAMES_MAX);
	fake_reply(reply.nlh);
}

/* More than an ordinary answer has room for. */
static void many_long_names_come_whole(void **state)
{
	struct bw_link_altnames names;

	(void)state;
	fake.on_request = answer_many_names;
	assert_ok(bw_link_altnames(nl, 8, &names, &err));
	assert_int_equal(names.n, BW_LINK_ALTNAMES_MAX);
	assert_string_equal(names.names[0], longest);
}

static unsigned int looks;
static unsigned int there_at; /* look that finds it; 0 = never */

static void answer_later(const struct nlmsghdr *nlh)
{
	(void)nlh;
	looks++;
	if (there_at && looks >= there_at) {
		reply_names(&reply, NULL, 0);
		reply.nlh->nlmsg_flags = NLM_F_MULTI;
		fake_reply(reply.nlh);
	}
	fake_done();
}

static unsigned int waits;

static void device_event(void)
{
	reply_link(&reply, 3, "other");
	fake_event(reply.nlh, 0);
	waits++;
}

static void lost_event(void)
{
	fake_event(NULL, ENOBUFS);
	waits++;
}

static void wait_for_it(unsigned int at, void (*on_wait)(void))
{
	struct bw_link link;

	looks = 0;
	waits = 0;
	there_at = at;
	fake.on_request = answer_later;
	fake.on_wait = on_wait;
	assert_ok(bw_link_wait_pci(NULL, "0000:01:10.0", 5000, &link, &err));
	assert_string_equal(link.parent, "0000:01:10.0");
	assert_int_equal(looks, at);
	assert_int_equal(waits, at - 1);
}

static void a_device_is_waited_for_by_events(void **state)
{
	(void)state;
	wait_for_it(1, NULL);
	wait_for_it(4, device_event);
	wait_for_it(3, lost_event);
}

static void a_device_that_does_not_come_is_waited_for_no_longer(void **state)
{
	uint64_t before = bw_clock_boot_ns();
	struct bw_link link = { .ifindex = 77 };

	(void)state;
	looks = 0;
	there_at = 0;
	fake.on_request = answer_later;
	assert_int_equal(bw_link_wait_pci(NULL, "0000:01:10.0", 0, &link, &err), -ETIMEDOUT);
	assert_int_equal(looks, 1);
	assert_int_equal(bw_link_wait_pci(NULL, "0000:01:10.0", 30, &link, &err), -ETIMEDOUT);
	assert_int_equal(looks, 2);
	assert_int_equal(err.class, BW_ERR_BUSY);
	assert_string_equal(err.msg, "no network device of 0000:01:10.0 appeared within 30 ms");
	assert_int_equal(link.ifindex, 77);
	assert_true(bw_clock_boot_ns() - before < 4000 * 1000000ULL);
}

/* As nldev_get_dumpit() of Linux 6.12 writes a device, the attributes that are looked at and one.
 */
static void put_rdma(uint32_t index, const char *name)
{
	reply_begin(&reply, NLDEV(RDMA_NLDEV_CMD_GET), NULL, 0);
	mnl_attr_put_u32(reply.nlh, RDMA_NLDEV_ATTR_DEV_INDEX, index);
	mnl_attr_put_strz(reply.nlh, RDMA_NLDEV_ATTR_DEV_NAME, name);
	mnl_attr_put_u32(reply.nlh, RDMA_NLDEV_ATTR_PORT_INDEX, 1);
	mnl_attr_put_u64(reply.nlh, RDMA_NLDEV_ATTR_CAP_FLAGS, 0x1234);
	mnl_attr_put_strz(reply.nlh, RDMA_NLDEV_ATTR_FW_VERSION, "26.35.2000");
	reply.nlh->nlmsg_flags = NLM_F_MULTI;
}

static uint8_t mode;
static int moved_to;
static int refuse;

static void answer_set(const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[RDMA_NLDEV_NET_NS_FD + 1];

	bw_nl_attrs(nlh, 0, tb, RDMA_NLDEV_NET_NS_FD);
	assert_int_equal(nlh->nlmsg_flags & NLM_F_ACK, NLM_F_ACK);
	assert_int_equal(bw_nl_u32(tb[RDMA_NLDEV_ATTR_DEV_INDEX], 99), 3);
	moved_to = (int)bw_nl_u32(tb[RDMA_NLDEV_NET_NS_FD], 0);
	fake_ack(nlh, refuse);
}

static void answer_rdma(const struct nlmsghdr *nlh)
{
	assert_int_equal(fake.sockets[fake.fd].protocol, NETLINK_RDMA);
	switch (nlh->nlmsg_type) {
	case NLDEV(RDMA_NLDEV_CMD_SYS_GET):
		reply_begin(&reply, NLDEV(RDMA_NLDEV_CMD_SYS_GET), NULL, 0);
		mnl_attr_put_u8(reply.nlh, RDMA_NLDEV_SYS_ATTR_NETNS_MODE, mode);
		fake_reply(reply.nlh);
		break;
	case NLDEV(RDMA_NLDEV_CMD_GET):
		assert_int_equal(nlh->nlmsg_flags & NLM_F_DUMP, NLM_F_DUMP);
		put_rdma(0, "mlx5_0");
		fake_reply(reply.nlh);
		put_rdma(3, "mlx5_3");
		fake_reply(reply.nlh);
		fake_done();
		break;
	case NLDEV(RDMA_NLDEV_CMD_SET):
		answer_set(nlh);
		break;
	default:
		fail_msg("message %x", nlh->nlmsg_type);
	}
}

static void the_mode_is_read(void **state)
{
	int exclusive = 9;

	(void)state;
	fake.on_request = answer_rdma;
	mode = 1;
	assert_ok(bw_rdma_exclusive(nl, &exclusive, &err));
	assert_int_equal(exclusive, 0);
	mode = 0;
	assert_ok(bw_rdma_exclusive(nl, &exclusive, &err));
	assert_int_equal(exclusive, 1);
}

static int list_rdma(const struct bw_rdma_dev *dev, void *arg, struct bw_err *e)
{
	char *out = arg;

	(void)e;
	(void)snprintf(out + strlen(out), 128 - strlen(out), "%u=%s ", dev->index, dev->name);
	return 0;
}

static int stop_rdma(const struct bw_rdma_dev *dev, void *arg, struct bw_err *e)
{
	(void)dev;
	(void)arg;
	return bw_fail(e, EINTR, "stop");
}

static void devices_are_listed_and_found(void **state)
{
	struct bw_rdma_dev dev = { .index = 77 };
	char out[128] = "";

	(void)state;
	fake.on_request = answer_rdma;
	assert_ok(bw_rdma_list(nl, list_rdma, out, &err));
	assert_string_equal(out, "0=mlx5_0 3=mlx5_3 ");
	assert_int_equal(bw_rdma_find(nl, "mlx5_9", &dev, &err), 0);
	assert_int_equal(dev.index, 77);
	assert_int_equal(bw_rdma_find(nl, "mlx5_3", &dev, &err), 1);
	assert_int_equal(dev.index, 3);
	assert_int_equal(bw_rdma_list(nl, stop_rdma, NULL, &err), -EINTR);
}

static void a_device_is_moved_by_descriptor(void **state)
{
	const struct bw_rdma_dev dev = { 3, "mlx5_3" };

	(void)state;
	fake.on_request = answer_rdma;
	refuse = 0;
	assert_ok(bw_rdma_set_netns(nl, &dev, 42, &err));
	assert_int_equal(moved_to, 42);
	refuse = EOPNOTSUPP;
	assert_int_equal(bw_rdma_set_netns(nl, &dev, 42, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "move RDMA device mlx5_3"));
}

static void rdma_answers_cut_at_every_length_stay_within(void **state)
{
	uint32_t size;

	(void)state;
	put_rdma(3, "mlx5_3");
	size = reply.nlh->nlmsg_len;
	for (uint32_t len = NLMSG_HDRLEN; len <= size; len++) {
		struct nlmsghdr *nlh = malloc(len);
		struct bw_rdma_dev dev;
		int r, exclusive;

		assert_non_null(nlh);
		if (!nlh)
			return;
		memcpy(nlh, reply.data, len);
		nlh->nlmsg_len = len;
		r = bw_rdma_parse(nlh, &dev);
		/* Index and name are the first two: 8 and 12 bytes with padding. */
		assert_int_equal(r, len < NLMSG_HDRLEN + 8 + 11 ? -EPROTO : 0);
		if (r == 0)
			assert_string_equal(dev.name, "mlx5_3");
		assert_int_equal(bw_rdma_parse_mode(nlh, &exclusive), -EPROTO);
		nlh->nlmsg_type = NLDEV(RDMA_NLDEV_CMD_SYS_GET);
		assert_int_equal(bw_rdma_parse_mode(nlh, &exclusive), -EPROTO);
		assert_int_equal(bw_rdma_parse(nlh, &dev), -EPROTO);
		free(nlh);
	}
}

#define route(f) cmocka_unit_test_setup_teardown(f, open_route, close_nl)
#define rdma(f) cmocka_unit_test_setup_teardown(f, open_rdma, close_nl)

int main(void)
{
	const struct CMUnitTest tests[] = {
		route(hundreds_of_vfs_come_whole),
		route(only_the_kernels_answer_counts),
		route(a_failed_allocation_is_said),
		route(settings_go_one_by_one_until_one_is_refused),
		route(ordinary_look_ups_do_not_ask_for_vfs),
		route(many_long_names_come_whole),
		route(a_device_is_waited_for_by_events),
		route(a_device_that_does_not_come_is_waited_for_no_longer),
		rdma(the_mode_is_read),
		rdma(devices_are_listed_and_found),
		rdma(a_device_is_moved_by_descriptor),
		cmocka_unit_test(rdma_answers_cut_at_every_length_stay_within),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

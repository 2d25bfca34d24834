/* SPDX-License-Identifier: Apache-2.0 */
/* VFs: answers of PFs whole, cut, forged and larger than 64 KiB; messages that set; bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/link.h>
#include <bw/nl.h>
#include <bw/vf.h>

#include "reply.h"

static struct reply reply;
static struct bw_err err;
static struct bw_nl_batch batch;

/* Recorded on the emulated igb with Debian's Linux 6.12; also seeds of the fuzz target. */
#define RECORDED "tests/fuzz/corpus/vf/"

/* What a walk saw. */
struct seen {
	uint32_t n;
	struct bw_vf vfs[2048];
};
static struct seen seen;

static int collect(const struct bw_vf *vf, void *arg, struct bw_err *e)
{
	struct seen *s = arg;

	(void)e;
	assert_true(s->n < BW_ARRAY_SIZE(s->vfs));
	s->vfs[s->n++] = *vf;
	return 0;
}

static int parse(uint32_t *ret_num)
{
	seen.n = 0;
	return bw_vf_parse(reply.nlh, ret_num, collect, &seen, &err);
}

static void assert_nth(const struct bw_vf *v, uint32_t i)
{
	struct reply_vf w = reply_vf_nth(i);
	unsigned int has = BW_VF_ALL;

	has &= w.rss_query == REPLY_UNKNOWN ? ~BW_VF_HAS_RSS_QUERY : ~0U;
	has &= w.trust == REPLY_UNKNOWN ? ~BW_VF_HAS_TRUST : ~0U;
	assert_int_equal(v->index, i);
	assert_int_equal(v->has, has);
	assert_memory_equal(v->mac.b, w.mac, 6);
	assert_int_equal(v->vlan, w.vlan);
	assert_int_equal(v->qos, w.qos);
	assert_int_equal(v->proto, w.proto);
	assert_int_equal(v->min_tx_rate, w.min_tx_rate);
	assert_int_equal(v->max_tx_rate, w.max_tx_rate);
	assert_int_equal(v->spoofchk, w.spoofchk);
	assert_int_equal(v->link_state, w.link_state);
	assert_int_equal(v->rss_query, w.rss_query == REPLY_UNKNOWN ? 0 : w.rss_query);
	assert_int_equal(v->trust, w.trust == REPLY_UNKNOWN ? 0 : w.trust);
}

static void assert_reads(uint32_t num, uint32_t described)
{
	uint32_t got = UINT32_MAX;

	reply_pf(&reply, num, described);
	assert_int_equal(parse(&got), 0);
	assert_int_equal(got, num);
	assert_int_equal(seen.n, described);
	for (uint32_t i = 0; i < described; i++)
		assert_nth(&seen.vfs[i], i);
}

static void every_setting_of_a_vf_is_read(void **state)
{
	(void)state;
	assert_reads(7, 7);
	assert_reads(1, 1);
	assert_reads(0, 0);
}

/* 334 are the last that the attribute's 16 bits can hold. */
static void hundreds_of_vfs_are_read(void **state)
{
	static const uint32_t counts[] = { 64, 256, 333, 334, 335, 400, 512, 668, 669, 1024 };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(counts); i++)
		assert_reads(counts[i], counts[i]);
}

static void load(const char *name)
{
	char path[256];
	size_t n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), RECORDED "%s", name);
	f = fopen(path, "re");
	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	if (f) {
		n = fread(reply.data, 1, sizeof(reply.data), f);
		(void)fclose(f);
	}
	reply.nlh = (void *)reply.data;
	assert_int_equal(reply.nlh->nlmsg_len, n);
}

/*
 * vf 1 vlan 100 qos 2, vf 2 trust on and spoofchk off, vf 3 max_tx_rate 100, vf 4 mac
 * 02:00:00:00:00:44; the driver knows everything but RSS queries.
 */
static void what_igb_said_is_read(void **state)
{
	static const struct bw_mac mac4 = { { 2, 0, 0, 0, 0, 0x44 } };
	struct bw_link link;
	uint32_t num = 0;

	(void)state;
	load("igb_seven_vfs");
	assert_int_equal(parse(&num), 0);
	assert_int_equal(num, 7);
	assert_int_equal(seen.n, 7);
	for (uint32_t i = 0; i < 7; i++) {
		const struct bw_vf *v = &seen.vfs[i];

		assert_int_equal(v->index, i);
		assert_int_equal(v->has, BW_VF_ALL & ~BW_VF_HAS_RSS_QUERY);
		assert_int_equal(v->vlan, i == 1 ? 100 : 0);
		assert_int_equal(v->qos, i == 1 ? 2 : 0);
		assert_int_equal(v->proto, BW_VF_PROTO_8021Q);
		assert_int_equal(v->spoofchk, i != 2);
		assert_int_equal(v->trust, i == 2);
		assert_int_equal(v->max_tx_rate, i == 3 ? 100 : 0);
		assert_int_equal(v->min_tx_rate, 0);
		assert_int_equal(v->link_state, BW_VF_LINK_AUTO);
	}
	assert_true(bw_mac_eq(&seen.vfs[4].mac, &mac4));
	assert_int_equal(bw_link_parse(reply.nlh, &link), 0);
	assert_string_equal(link.parent, "0000:01:00.0");
}

static void what_igbvf_said_is_read(void **state)
{
	struct bw_link_altnames names;
	struct bw_link link;

	(void)state;
	load("igbvf_altname");
	assert_int_equal(bw_link_parse(reply.nlh, &link), 0);
	assert_string_equal(link.name, "eth0");
	assert_string_equal(link.parent, "0000:01:10.0");
	assert_string_equal(link.parent_bus, "pci");
	assert_int_equal(bw_link_parse_altnames(reply.nlh, &names), 0);
	assert_int_equal(names.n, 1);
	assert_string_equal(names.names[0], "enx_alt_name_for_the_record");
}

static void a_driver_may_leave_vfs_out(void **state)
{
	(void)state;
	assert_reads(7, 0);
	assert_reads(7, 5);
	assert_reads(400, 399);
	assert_reads(400, 1);
}

static void what_a_driver_does_not_know_is_not_there(void **state)
{
	static const struct {
		uint16_t type;
		unsigned int bit;
	} words[] = {
		{ IFLA_VF_SPOOFCHK, BW_VF_HAS_SPOOFCHK },
		{ IFLA_VF_TRUST, BW_VF_HAS_TRUST },
		{ IFLA_VF_RSS_QUERY_EN, BW_VF_HAS_RSS_QUERY },
		{ IFLA_VF_LINK_STATE, BW_VF_HAS_LINK_STATE },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(words); i++) {
		static const uint32_t settings[] = { 0, 1, REPLY_UNKNOWN };

		for (size_t k = 0; k < BW_ARRAY_SIZE(settings); k++) {
			struct ifla_vf_mac mac = { .vf = 0 };
			struct nlattr *list, *vf;
			uint32_t num;

			reply_link(&reply, 7, "pf0");
			mnl_attr_put_u32(reply.nlh, IFLA_NUM_VF, 1);
			list = mnl_attr_nest_start(reply.nlh, IFLA_VFINFO_LIST);
			vf = mnl_attr_nest_start(reply.nlh, IFLA_VF_INFO);
			mnl_attr_put(reply.nlh, IFLA_VF_MAC, sizeof(mac), &mac);
			reply_word(&reply, words[i].type, 0, settings[k]);
			mnl_attr_nest_end(reply.nlh, vf);
			mnl_attr_nest_end(reply.nlh, list);
			assert_int_equal(parse(&num), 0);
			assert_int_equal(seen.n, 1);
			assert_int_equal(seen.vfs[0].has,
					 BW_VF_HAS_MAC | (settings[k] < 2 ? words[i].bit : 0));
		}
	}
}

/* Before Linux 4.9 there was no list; a link state nobody knows is none. */
static void old_and_odd_answers_are_read(void **state)
{
	struct ifla_vf_mac mac = { .vf = 5 };
	struct ifla_vf_vlan vlan = { 5, 12, 3 };
	struct nlattr *list, *vf;
	uint32_t num;

	(void)state;
	reply_link(&reply, 7, "pf0");
	mnl_attr_put_u32(reply.nlh, IFLA_NUM_VF, 6);
	list = mnl_attr_nest_start(reply.nlh, IFLA_VFINFO_LIST);
	vf = mnl_attr_nest_start(reply.nlh, IFLA_VF_INFO);
	mnl_attr_put(reply.nlh, IFLA_VF_MAC, sizeof(mac), &mac);
	mnl_attr_put(reply.nlh, IFLA_VF_VLAN, sizeof(vlan), &vlan);
	mnl_attr_put(reply.nlh, IFLA_VF_RATE, 4, &vlan); /* too short */
	reply_word(&reply, IFLA_VF_LINK_STATE, 5, 3);
	mnl_attr_nest_end(reply.nlh, vf);
	mnl_attr_nest_end(reply.nlh, list);
	assert_int_equal(parse(&num), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.vfs[0].index, 5);
	assert_int_equal(seen.vfs[0].has, BW_VF_HAS_MAC | BW_VF_HAS_VLAN);
	assert_int_equal(seen.vfs[0].vlan, 12);
	assert_int_equal(seen.vfs[0].qos, 3);
	assert_int_equal(seen.vfs[0].proto, BW_VF_PROTO_8021Q);
}

static void a_vf_without_mac_is_refused(void **state)
{
	struct nlattr *list, *vf;
	uint32_t num = 77;

	(void)state;
	reply_link(&reply, 7, "pf0");
	mnl_attr_put_u32(reply.nlh, IFLA_NUM_VF, 1);
	list = mnl_attr_nest_start(reply.nlh, IFLA_VFINFO_LIST);
	vf = mnl_attr_nest_start(reply.nlh, IFLA_VF_INFO);
	reply_word(&reply, IFLA_VF_TRUST, 0, 1);
	mnl_attr_nest_end(reply.nlh, vf);
	mnl_attr_nest_end(reply.nlh, list);
	assert_int_equal(parse(&num), -EPROTO);
	assert_int_equal(num, 77);
	reply.nlh->nlmsg_type = RTM_NEWADDR;
	assert_int_equal(parse(&num), -EPROTO);
}

/* The message is copied to the end of its own allocation: a read beyond is seen by the sanitizer.
 */
static void cut(uint32_t num, uint32_t *ret_refused, uint32_t *ret_partial)
{
	uint32_t size;

	reply_pf(&reply, num, num);
	size = reply.nlh->nlmsg_len;
	for (uint32_t len = NLMSG_HDRLEN; len < size; len++) {
		struct nlmsghdr *nlh = malloc(len);
		uint32_t got = 0;
		int r;

		assert_non_null(nlh);
		memcpy(nlh, reply.data, len);
		nlh->nlmsg_len = len;
		seen.n = 0;
		r = bw_vf_parse(nlh, &got, collect, &seen, &err);
		assert_true(r == 0 || r == -EPROTO);
		*ret_refused += r < 0;
		/* It may end before the list begins, and after it nothing matters. */
		*ret_partial += r == 0 && seen.n != 0 && seen.n != num;
		/* What was read before the cut is right. */
		for (uint32_t i = 0; i < seen.n; i++)
			assert_nth(&seen.vfs[i], i);
		free(nlh);
	}
}

static void answers_cut_at_every_length_are_refused(void **state)
{
	uint32_t refused = 0;
	uint32_t partial = 0;

	(void)state;
	cut(3, &refused, &partial);
	assert_int_equal(partial, 0);
	assert_true(refused > 580);
	refused = 0;
	cut(340, &refused, &partial);
	assert_true(refused > 60000);
}

static int stop(const struct bw_vf *vf, void *arg, struct bw_err *e)
{
	(void)e;
	++*(int *)arg;
	return vf->index == 2 ? -EINTR : 0;
}

static void a_visitor_ends_the_walk(void **state)
{
	uint32_t num = 0;
	int n = 0;

	(void)state;
	reply_pf(&reply, 7, 7);
	assert_int_equal(bw_vf_parse(reply.nlh, &num, stop, &n, &err), -EINTR);
	assert_int_equal(n, 3);
}

/* Everything but the sequence number, four bytes a group. */
static void assert_message(const char *want)
{
	char text[1024];
	size_t len = 0;

	assert_false(batch.overflow);
	for (size_t i = 0; i < batch.size && len < sizeof(text) - 4; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%02x",
					i && i % 4 == 0 ? " " : "", batch.data[i]);
	text[len] = '\0';
	assert_string_equal(text, want);
}

static void put(unsigned int what, const struct bw_vf *vf)
{
	bw_nl_batch_init(&batch);
	bw_vf_put_set(&batch, 2, vf, what);
}

/* As strace shows `ip link set dev X vf 3 ...`, but for the flag of nests and RTM_SETLINK. */
static void settings_go_as_ip_sends_them(void **state)
{
	const struct bw_vf vf = { .index = 3,
				  .mac = { { 2, 0, 0, 0, 0, 7 } },
				  .vlan = 100,
				  .qos = 2,
				  .spoofchk = 1,
				  .trust = 1,
				  .rss_query = 1,
				  .link_state = BW_VF_LINK_ENABLE,
				  .min_tx_rate = 10,
				  .max_tx_rate = 1000 };
	struct bw_vf ad = vf;

	(void)state;
	ad.proto = BW_VF_PROTO_8021AD;
#define HEAD(len) len " 13000500 00000000 00000000 00000000 02000000 00000000 00000000 "
	put(BW_VF_SET_MAC, &vf);
	assert_message(HEAD("50000000") "30001680 2c000180 28000100 03000000 02000000 00070000 "
					"00000000 00000000 00000000 00000000 00000000 00000000");
	assert_string_equal(batch.ops[0].what, "set mac of VF 3");
	put(BW_VF_SET_VLAN, &vf);
	assert_message(HEAD("38000000") "18001680 14000180 10000200 03000000 64000000 02000000");
	put(BW_VF_SET_VLAN, &ad);
	assert_message(HEAD("40000000") "20001680 1c000180 18000c80 14000100 03000000 64000000 "
					"02000000 88a80000");
	put(BW_VF_SET_RATE, &vf);
	assert_message(HEAD("38000000") "18001680 14000180 10000600 03000000 0a000000 e8030000");
	put(BW_VF_SET_SPOOFCHK, &vf);
	assert_message(HEAD("34000000") "14001680 10000180 0c000400 03000000 01000000");
	put(BW_VF_SET_TRUST, &vf);
	assert_message(HEAD("34000000") "14001680 10000180 0c000900 03000000 01000000");
	put(BW_VF_SET_LINK_STATE, &vf);
	assert_message(HEAD("34000000") "14001680 10000180 0c000500 03000000 01000000");
	put(BW_VF_SET_RSS_QUERY, &vf);
	assert_message(HEAD("34000000") "14001680 10000180 0c000700 03000000 01000000");
#undef HEAD
}

static void several_settings_are_one_message(void **state)
{
	const struct bw_vf vf = { .index = 1, .trust = 1, .max_tx_rate = 5 };

	(void)state;
	put(BW_VF_SET_TRUST | BW_VF_SET_SPOOFCHK | BW_VF_SET_RATE, &vf);
	assert_string_equal(batch.ops[0].what, "set rate, spoofchk, trust of VF 1");
	assert_message("50000000 13000500 00000000 00000000 00000000 02000000 00000000 00000000 "
		       "30001680 2c000180 10000600 01000000 00000000 05000000 0c000400 01000000 "
		       "00000000 0c000900 01000000 01000000");
	put(BW_VF_ALL, &vf);
	assert_int_equal(strlen(batch.ops[0].what) < BW_NL_WHAT_MAX, 1);
}

static void assert_bad(const struct bw_vf *vf, unsigned int what, const char *text)
{
	memset(&err, 0, sizeof(err));
	assert_int_equal(bw_vf_check(vf, what, &err), -ERANGE);
	assert_int_equal(err.class, BW_ERR_INVALID);
	if (!strstr(err.msg, text))
		fail_msg("\"%s\", expected \"%s\"", err.msg, text);
	/* Nothing else is looked at. */
	assert_int_equal(bw_vf_check(vf, BW_VF_ALL & ~what, &err), 0);
}

static void values_have_bounds(void **state)
{
	struct bw_vf good = { .index = BW_VF_INDEX_MAX,
			      .vlan = 4094,
			      .qos = 7,
			      .proto = BW_VF_PROTO_8021AD,
			      .link_state = BW_VF_LINK_DISABLE,
			      .min_tx_rate = 100,
			      .max_tx_rate = 100 };
	struct bw_vf v = good;

	(void)state;
	assert_int_equal(bw_vf_check(&good, BW_VF_ALL, &err), 0);
	v.vlan = 4095;
	assert_bad(&v, BW_VF_SET_VLAN, "vlan: expected at most 4094, got 4095");
	v = good;
	v.qos = 8;
	assert_bad(&v, BW_VF_SET_VLAN, "vlanQoS: expected at most 7, got 8");
	v = good;
	v.proto = 0x9100;
	assert_bad(&v, BW_VF_SET_VLAN, "vlanProto: expected 802.1q or 802.1ad, got 0x9100");
	v = good;
	v.min_tx_rate = 101;
	assert_bad(&v, BW_VF_SET_RATE, "min_tx_rate: expected at most max_tx_rate (100), got 101");
	v.max_tx_rate = 0;
	assert_int_equal(bw_vf_check(&v, BW_VF_ALL, &err), 0);
	v.max_tx_rate = BW_VF_RATE_MAX;
	assert_int_equal(bw_vf_check(&v, BW_VF_ALL, &err), 0);
	v.max_tx_rate++;
	assert_bad(&v, BW_VF_SET_RATE, "max_tx_rate: expected at most 2147483647");
	v.min_tx_rate = v.max_tx_rate;
	assert_bad(&v, BW_VF_SET_RATE, "min_tx_rate: expected at most 2147483647");
	v = good;
	v.mac.b[0] = 1;
	assert_bad(&v, BW_VF_SET_MAC, "mac: a multicast address");
	v = good;
	v.link_state = BW_VF_LINK_MAX_;
	assert_bad(&v, BW_VF_SET_LINK_STATE, "link_state: expected at most 2, got 3");
	assert_int_equal(bw_vf_check(&good, 0x80, &err), -ERANGE);
	good.index++;
	assert_int_equal(bw_vf_check(&good, 0, &err), -ERANGE);
}

static void differences_are_named(void **state)
{
	struct bw_vf a = { .has = BW_VF_ALL }, b = a;

	(void)state;
	assert_int_equal(bw_vf_diff(&a, &b, BW_VF_ALL), 0);
	/* Without a VLAN the protocol means nothing; 0 is 802.1Q. */
	b.proto = BW_VF_PROTO_8021AD;
	assert_int_equal(bw_vf_diff(&a, &b, BW_VF_ALL), 0);
	a.vlan = b.vlan = 5;
	assert_int_equal(bw_vf_diff(&a, &b, BW_VF_ALL), BW_VF_SET_VLAN);
	b.proto = BW_VF_PROTO_8021Q;
	assert_int_equal(bw_vf_diff(&a, &b, BW_VF_ALL), 0);
	b.mac.b[5] = 1;
	b.qos = 1;
	b.max_tx_rate = 1;
	b.spoofchk = 1;
	b.trust = 1;
	b.rss_query = 1;
	b.link_state = BW_VF_LINK_DISABLE;
	assert_int_equal(bw_vf_diff(&a, &b, BW_VF_ALL), BW_VF_ALL);
	assert_int_equal(bw_vf_diff(&a, &b, BW_VF_SET_TRUST), BW_VF_SET_TRUST);
	a.has &= ~BW_VF_HAS_TRUST;
	assert_int_equal(bw_vf_diff(&a, &b, BW_VF_SET_TRUST), 0);
	for (unsigned int bit = 1; bit <= BW_VF_ALL; bit <<= 1)
		assert_string_not_equal(bw_vf_setting_str(bit), "unknown");
	assert_string_equal(bw_vf_setting_str(0x80), "unknown");
	assert_string_equal(bw_vf_link_state_str(BW_VF_LINK_ENABLE), "enable");
	assert_string_equal(bw_vf_link_state_str(BW_VF_LINK_MAX_), "unknown");
}

static void names_and_parent_are_read(void **state)
{
	static const char *const names[] = { "enp1s0f0v0",
					     "a_name_that_is_longer_than_fifteen_characters" };
	const char *many[BW_LINK_ALTNAMES_MAX + 1];
	struct bw_link_altnames got = { .n = 9 };
	struct bw_link link;
	char longest[BW_LINK_ALTNAME_MAX + 1];

	(void)state;
	reply_names(&reply, names, 2);
	assert_int_equal(bw_link_parse(reply.nlh, &link), 0);
	assert_string_equal(link.parent, "0000:01:10.0");
	assert_string_equal(link.parent_bus, "pci");
	assert_int_equal(bw_link_parse_altnames(reply.nlh, &got), 0);
	assert_int_equal(got.n, 2);
	assert_string_equal(got.names[0], names[0]);
	assert_string_equal(got.names[1], names[1]);
	reply_link(&reply, 1, "lo");
	assert_int_equal(bw_link_parse_altnames(reply.nlh, &got), 0);
	assert_int_equal(got.n, 0);
	memset(longest, 'n', BW_LINK_ALTNAME_MAX);
	longest[BW_LINK_ALTNAME_MAX] = '\0';
	for (size_t i = 0; i < BW_ARRAY_SIZE(many); i++)
		many[i] = longest;
	reply_names(&reply, many, BW_LINK_ALTNAMES_MAX);
	assert_int_equal(bw_link_parse_altnames(reply.nlh, &got), 0);
	assert_int_equal(got.n, BW_LINK_ALTNAMES_MAX);
	assert_string_equal(got.names[BW_LINK_ALTNAMES_MAX - 1], longest);
	reply_names(&reply, many, BW_LINK_ALTNAMES_MAX + 1);
	assert_int_equal(bw_link_parse_altnames(reply.nlh, &got), -E2BIG);
	reply.nlh->nlmsg_type = RTM_NEWADDR;
	assert_int_equal(bw_link_parse_altnames(reply.nlh, &got), -EPROTO);
}

static void names_cut_at_every_length_stay_within(void **state)
{
	static const char *const names[] = { "one", "two_of_them" };
	uint32_t size;

	(void)state;
	reply_names(&reply, names, 2);
	size = reply.nlh->nlmsg_len;
	for (uint32_t len = NLMSG_HDRLEN; len < size; len++) {
		struct nlmsghdr *nlh = malloc(len);
		struct bw_link_altnames got = { .n = 9 };
		int r;

		assert_non_null(nlh);
		memcpy(nlh, reply.data, len);
		nlh->nlmsg_len = len;
		r = bw_link_parse_altnames(nlh, &got);
		assert_true(r == -EPROTO || (r == 0 && (got.n == 0 || got.n == 2)));
		free(nlh);
	}
}

static void altnames_are_one_message_each(void **state)
{
	(void)state;
	bw_nl_batch_init(&batch);
	bw_link_put_altname_add(&batch, 2, "alt0");
	assert_message("30000000 6c000506 00000000 00000000 00000000 02000000 00000000 00000000 "
		       "10003480 09003500 616c7430 00000000");
	bw_nl_batch_init(&batch);
	bw_link_put_altname_del(&batch, 2, "alt0");
	assert_message("30000000 6d000500 00000000 00000000 00000000 02000000 00000000 00000000 "
		       "10003480 09003500 616c7430 00000000");
	assert_int_equal(batch.ops[0].tolerate[0], ENOENT);
}

/* One message takes a VF into a pod: reference order of the kernel is said in the header. */
static void a_move_is_one_message(void **state)
{
	const struct bw_link_set move = { .what = BW_LINK_SET_NETNS | BW_LINK_SET_NAME |
						  BW_LINK_SET_MAC | BW_LINK_SET_MTU |
						  BW_LINK_SET_ALIAS | BW_LINK_SET_UP,
					  .ns_fd = 5,
					  .name = "net1",
					  .mac = { { 2, 0, 0, 0, 0, 7 } },
					  .mtu = 1500,
					  .alias = "a" };

	(void)state;
	bw_nl_batch_init(&batch);
	bw_link_put_set(&batch, 3, "enp1s0v0", &move);
	assert_int_equal(batch.n, 1);
	assert_message("50000000 13000500 00000000 00000000 00000000 03000000 01000000 01000000 "
		       "09000300 6e657431 00000000 08000400 dc050000 0a000100 02000000 00070000 "
		       "05001400 61000000 08001c00 05000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setting_of_a_vf_is_read),
		cmocka_unit_test(hundreds_of_vfs_are_read),
		cmocka_unit_test(what_igb_said_is_read),
		cmocka_unit_test(what_igbvf_said_is_read),
		cmocka_unit_test(a_driver_may_leave_vfs_out),
		cmocka_unit_test(what_a_driver_does_not_know_is_not_there),
		cmocka_unit_test(old_and_odd_answers_are_read),
		cmocka_unit_test(a_vf_without_mac_is_refused),
		cmocka_unit_test(answers_cut_at_every_length_are_refused),
		cmocka_unit_test(a_visitor_ends_the_walk),
		cmocka_unit_test(settings_go_as_ip_sends_them),
		cmocka_unit_test(several_settings_are_one_message),
		cmocka_unit_test(values_have_bounds),
		cmocka_unit_test(differences_are_named),
		cmocka_unit_test(names_and_parent_are_read),
		cmocka_unit_test(names_cut_at_every_length_stay_within),
		cmocka_unit_test(altnames_are_one_message_each),
		cmocka_unit_test(a_move_is_one_message),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

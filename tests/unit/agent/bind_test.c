/* SPDX-License-Identifier: Apache-2.0 */
/* Segments and bindings: from claim, pools and devices to what a plugin gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>

#include "bind.h"
#include "differ.h"
#include "inventory.h"
#include "stale.h"

#define META(name, uid)                                                                            \
	"\"metadata\":{\"namespace\":\"db\",\"name\":\"" name "\",\"uid\":\"" uid                  \
	"\",\"resourceVersion\":\"5\"}"
#define POOL(name, created, spec)                                                                  \
	"{\"metadata\":{\"name\":\"" name                                                          \
	"\",\"resourceVersion\":\"1\",\"creationTimestamp\":\"" created "\"},\"spec\":{" spec "}}"
#define LAN                                                                                        \
	POOL("lan", "2026-01-01T00:00:00Z",                                                        \
	     "\"domain\":\"lan\",\"prefix\":\"10.99.0.0/16\",\"ranges\":[\"10.99.2.1\"],"          \
	     "\"gateway\":\"10.99.0.1\",\"vlan\":7,\"mtu\":9000,\"uplink\":\"data*,eth9\","        \
	     "\"probe\":\"Enforce\",\"fencing\":\"Available\","                                    \
	     "\"routes\":[{\"dst\":\"192.168.0.0/16\",\"gw\":\"10.99.0.254\"}]")
#define LAN6                                                                                       \
	POOL("lan6", "2026-01-02T00:00:00Z",                                                       \
	     "\"domain\":\"lan\",\"prefix\":\"fd00:99::/64\",\"ranges\":[\"fd00:99::1\"]")
/* As the controller writes it: an entry for each family. */
#define CLAIM                                                                                      \
	"{" META("redis-0",                                                                        \
		 "u-1") ",\"spec\":{\"interfaces\":[{\"name\":\"eth0\","                           \
			"\"networks\":[\"lan\",\"lan6\"],\"bandwidth\":{\"egressMbps\":100}},"     \
			"{\"name\":\"eth1\",\"network\":\"lan\"}]},"                               \
			"\"status\":{\"phase\":\"Bound\",\"interfaces\":["                         \
			"{\"name\":\"eth0\",\"pool\":\"lan\",\"ips\":[\"10.99.2.77\"],"            \
			"\"mac\":\"02:00:0a:63:02:4d\"},"                                          \
			"{\"name\":\"eth0\",\"pool\":\"lan6\",\"ips\":[\"fd00:99::77\"],"          \
			"\"mac\":\"02:00:0a:63:02:4d\"}],"                                         \
			"\"holder\":{\"node\":\"n1\",\"nodeUID\":\"nu-1\",\"token\":4}}}"

struct bed {
	struct bw_net_pool pools[4];
	struct bw_net_claim claim;
	struct bw_net_node mapping;
	struct agent_dev devs[3];
	struct agent_node node;
	struct agent_facts facts;
	struct bw_prefix service;
	struct agent_bound *bound;
};

static struct bed bed;

static void add_pool(const char *text)
{
	struct bw_err err = { 0 };

	if (bw_net_pool_decode(text, strlen(text), &bed.pools[bed.facts.n_pools], &err) < 0)
		fail_msg("%s", err.msg);
	bed.facts.n_pools++;
}

static void set_claim(const char *text)
{
	struct bw_err err = { 0 };

	bw_net_claim_done(&bed.claim);
	if (bw_net_claim_decode(text, strlen(text), &bed.claim, &err) < 0)
		fail_msg("%s", err.msg);
}

static void add_dev(size_t i, const char *name, int up)
{
	(void)snprintf(bed.devs[i].name, sizeof(bed.devs[i].name), "%s", name);
	bed.devs[i].ifindex = (int)i + 1;
	bed.devs[i].up = (uint8_t)up;
	bed.node.n_devs = i + 1;
}

static int setup(void **state)
{
	(void)state;
	memset(&bed, 0, sizeof(bed));
	bed.node.devs = bed.devs;
	bed.facts.pools = bed.pools;
	bed.facts.node = &bed.node;
	bed.facts.services = &bed.service;
	bed.facts.n_services = 1;
	bed.facts.epoch = 12;
	assert_int_equal(bw_prefix_parse("10.96.0.0/12", &bed.service), 0);
	assert_int_equal(bw_ip_parse("10.10.0.5", &bed.node.ips[0]), 0);
	bed.node.n_ips = 1;
	add_dev(0, "data0", 1);
	add_dev(1, "data1", 1);
	add_dev(2, "eth9", 0);
	bed.bound = calloc(1, sizeof(*bed.bound));
	assert_non_null(bed.bound);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < bed.facts.n_pools; i++)
		bw_net_pool_done(&bed.pools[i]);
	bw_net_claim_done(&bed.claim);
	bw_net_node_done(&bed.mapping);
	free(bed.bound);
	return 0;
}

static int bind_to(const char *iface, struct bw_err *err)
{
	memset(bed.bound, 0, sizeof(*bed.bound));
	memset(err, 0, sizeof(*err));
	return agent_bind(&bed.facts, &bed.claim, iface, bed.bound, err);
}

static void a_binding_has_all_a_plugin_needs(void **state)
{
	bw_autobinding struct bw_binding again = { 0 };
	bw_autofree char *text = NULL;
	const struct bw_binding_ip *ips;
	char s[BW_PREFIX_STR_MAX];
	struct bw_err err;

	(void)state;
	add_pool(LAN);
	add_pool(LAN6);
	set_claim(CLAIM);
	assert_int_equal(bind_to("eth0", &err), 0);
	assert_int_equal(bw_binding_encode(&bed.bound->b, &text, &err), 0);
	assert_int_equal(bw_binding_decode(text, strlen(text), &again, &err), 0);
	assert_string_equal(again.ns, "db");
	assert_string_equal(again.claim, "redis-0");
	assert_string_equal(again.uid, "u-1");
	assert_int_equal(again.token, 4);
	assert_int_equal(again.epoch, 12);
	assert_int_equal(again.first, 1);
	assert_string_equal(again.domain, "lan");
	assert_string_equal(again.uplink, "data0");
	assert_int_equal(again.vlan, 7);
	assert_int_equal(again.mtu, 9000);
	assert_int_equal(again.has_mac, 1);
	assert_int_equal(again.probe, BW_BINDING_PROBE_ENFORCE);
	assert_int_equal(again.fencing, BW_BINDING_AVAILABLE);
	assert_int_equal(again.egress_mbps, 100);
	assert_int_equal(again.ingress_mbps, 0);
	assert_int_equal(again.ips.n, 2);
	ips = again.ips.items;
	assert_string_equal(bw_prefix_str(&ips[0].address, s), "10.99.2.77/16");
	assert_int_equal(ips[0].gateway.family, AF_INET);
	assert_string_equal(bw_prefix_str(&ips[1].address, s), "fd00:99::77/64");
	assert_int_equal(ips[1].gateway.family, 0);
	assert_null(ips[0].pool);
	assert_string_equal(ips[1].pool, "lan6");
	assert_int_equal(again.routes.n, 1);
	assert_int_equal(again.services.n, 1);
	assert_int_equal(again.node_ips.n, 1);
}

static void what_is_missing_is_named(void **state)
{
	struct bw_err err;

	(void)state;
	set_claim(CLAIM);
	assert_int_equal(bind_to("eth0", &err), -EAGAIN);
	assert_non_null(strstr(err.msg, "no pool lan"));
	add_pool(LAN);
	assert_int_equal(bind_to("eth0", &err), -EAGAIN); /* the IPv6 pool is not there */
	assert_non_null(strstr(err.msg, "no pool lan6"));
	assert_int_equal(bind_to("eth1", &err), -EAGAIN);
	assert_non_null(strstr(err.msg, "Pending"));
	assert_int_equal(bind_to("eth7", &err), -EINVAL);
	assert_int_equal(err.class, BW_ERR_INVALID);
	add_pool(LAN6);
	bed.node.n_devs = 0;
	assert_int_equal(bind_to("eth0", &err), -EAGAIN);
	assert_non_null(strstr(err.msg, "data*,eth9"));
}

static void the_administrators_mapping_wins(void **state)
{
	static const char mapping[] =
		"{\"metadata\":{\"name\":\"n1\",\"resourceVersion\":\"1\"},\"spec\":{\"domains\":[{"
		"\"domain\":\"lan\",\"uplink\":\"data1\",\"bridge\":\"br-db\",\"vlan\":9,"
		"\"moveUplinkAddresses\":true}]}}";
	struct bw_err err = { 0 };

	(void)state;
	add_pool(LAN);
	add_pool(LAN6);
	set_claim(CLAIM);
	assert_int_equal(bw_net_node_decode(mapping, strlen(mapping), &bed.mapping, &err), 0);
	bed.facts.mapping = &bed.mapping;
	assert_int_equal(bind_to("eth0", &err), 0);
	assert_string_equal(bed.bound->b.uplink, "data1");
	assert_string_equal(bed.bound->b.bridge, "br-db");
	assert_int_equal(bed.bound->b.vlan, 9);
	assert_int_equal(bed.bound->b.move_uplink_addresses, 1);
}

static void the_oldest_pool_speaks_for_its_domain(void **state)
{
	struct agent_segment s;

	(void)state;
	add_pool(POOL("a-younger", "2026-03-01T00:00:00Z",
		      "\"domain\":\"lan\",\"prefix\":\"10.98.0.0/16\",\"ranges\":[\"10.98.0.9\"],"
		      "\"uplink\":\"data1\""));
	add_pool(LAN);
	agent_segment(&bed.facts, "lan", &s);
	assert_string_equal(s.uplink, "data0");
	assert_string_equal(s.bridge, "bw-data0");
	assert_int_equal(s.ready, 1);
	bed.devs[0].up = 0;
	agent_segment(&bed.facts, "lan", &s);
	assert_int_equal(s.ready, 0);
	assert_string_equal(s.reason, "UplinkDown");
}

static void a_pool_of_another_plugin_needs_no_uplink(void **state)
{
	struct agent_segment s;

	(void)state;
	add_pool(POOL("cal", "2026-01-01T00:00:00Z",
		      "\"domain\":\"cal\",\"prefix\":\"10.5.0.0/16\",\"ranges\":[\"10.5.0.9\"],"
		      "\"mode\":\"calico\""));
	agent_segment(&bed.facts, "cal", &s);
	assert_int_equal(s.ready, 1);
	assert_string_equal(s.uplink, "");
}

static void a_higher_token_or_another_node_ends_an_attachment(void **state)
{
	(void)state;
	set_claim(CLAIM);
	assert_null(agent_stale_judge(&bed.claim, "n1", "nu-1", 4));
	assert_null(agent_stale_judge(&bed.claim, "n1", "", 4));
	assert_null(
		agent_stale_judge(&bed.claim, "n1", "nu-1", 5)); /* the API went back: a restore */
	assert_non_null(agent_stale_judge(&bed.claim, "n1", "nu-1", 3));
	assert_non_null(agent_stale_judge(&bed.claim, "n1", "nu-2", 4));
	assert_null(agent_stale_judge(&bed.claim, "n2", "nu-2", 4));
	set_claim("{" META("redis-0", "u-1") ",\"spec\":{\"interfaces\":[{\"name\":\"eth0\","
					     "\"network\":\"lan\"}]}}");
	assert_null(agent_stale_judge(&bed.claim, "n1", "nu-1", 3));
}

static void a_status_fits_the_schema_and_equal_facts_give_equal_texts(void **state)
{
	static const struct agent_condition conditions[AGENT_CONDITIONS_MAX] = {
		{ "AddressConflict", 0, "NoneSeen", "", 0 },
		{ "Ready", 1, "Serving", "", 0 },
		{ "RestoreSuspected", 0, "PastFits", "", 0 },
		{ "StaleAttachment", 0, "None", "", 0 },
		{ "UplinkMissing", 0, "Found", "", 0 },
		{ "VlanUnsupported", 0, "VlansFit", "", 0 },
	};
	static struct agent_differences differences;
	const struct agent_inventory_in in = { .facts = &bed.facts,
					       .node_uid = "nu-1",
					       .boot_id = "b-1",
					       .version = "1",
					       .cluster_id = "c-1",
					       .generation = 3,
					       .epoch = 12,
					       .attachments = 2,
					       .differences = &differences,
					       .conditions = conditions };
	bw_autofree char *text = NULL;
	bw_autofree char *again = NULL;
	bw_autofree char *object = NULL;
	struct bw_net_node decoded = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	add_pool(LAN);
	differences.n = 0;
	agent_differ_add(&differences, AGENT_DIFFER_MISSING, "db/redis-0", "its interface is gone");
	assert_int_equal(agent_inventory_text(&in, &text, &err), 0);
	assert_int_equal(agent_inventory_text(&in, &again, &err), 0);
	assert_string_equal(text, again);
	assert_true(asprintf(&object,
			     "{\"metadata\":{\"name\":\"n1\",\"resourceVersion\":\"1\"},%s",
			     text + 1) > 0);
	if (bw_net_node_decode(object, strlen(object), &decoded, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(decoded.status.domains.n, 1);
	assert_string_equal(decoded.status.domains.items[0].uplink, "data0");
	assert_int_equal(decoded.status.domains.items[0].ready, 1);
	assert_int_equal(decoded.status.uplinks.n, 1); /* the others are no hardware and unused */
	assert_int_equal(decoded.status.conditions.n, AGENT_CONDITIONS_MAX);
	assert_int_equal(decoded.status.differences.n, 1);
	assert_string_equal(decoded.status.differences.items[0].reason, "InterfaceMissing");
	assert_string_equal(decoded.status.differences.items[0].pod, "db/redis-0");
	bw_net_node_done(&decoded);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_binding_has_all_a_plugin_needs),
		TEST(what_is_missing_is_named),
		TEST(the_administrators_mapping_wins),
		TEST(the_oldest_pool_speaks_for_its_domain),
		TEST(a_pool_of_another_plugin_needs_no_uplink),
		TEST(a_higher_token_or_another_node_ends_an_attachment),
		TEST(a_status_fits_the_schema_and_equal_facts_give_equal_texts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

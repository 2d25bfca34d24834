/* SPDX-License-Identifier: Apache-2.0 */
/* A term that begins after nobody has led for a while: nodes are listened to first. */
#include "story.h"

static const char pool[] = "{\"kind\":\"NetworkPool\",\"metadata\":{\"name\":\"lan\"},\"spec\":{"
			   "\"domain\":\"lan\",\"prefix\":\"10.99.0.0/16\",\"ranges\":["
			   "\"10.99.2.1-10.99.2.9\"]}}";
static const char contradiction[] =
	"{\"kind\":\"NodeNetwork\",\"metadata\":{\"name\":\"n1\"},\"status\":{\"epoch\":99,"
	"\"clusterID\":\"c-1\",\"nodeUID\":\"n\",\"conditions\":[{\"type\":\"RestoreSuspected\","
	"\"status\":\"True\",\"reason\":\"R\",\"message\":\"\",\"lastTransitionTime\":"
	"\"2023-11-14T22:13:20Z\"}],\"live\":[{\"namespace\":\"db\",\"name\":\"late\",\"uid\":"
	"\"u-late\",\"pool\":\"lan\",\"domain\":\"lan\",\"token\":1,\"ips\":[\"10.99.2.1\"]}]}}";

#define CLAIM                                                                                      \
	"{\"kind\":\"NetworkClaim\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"db\","           \
	"\"finalizers\":[\"net.barewire.dev/claim\"]},\"spec\":{\"interfaces\":[{\"name\":"        \
	"\"eth0\",\"network\":\"lan\"}]}}"

static const char *ip_of(const char *claim, char out[256])
{
	return bed_get(b, SIM_CLAIM, "db", claim, "status.interfaces.0.ips.0", out);
}

/* The leader is gone for so long, and another process leads; whether it gives an address at once.
 */
static int gives_after(int64_t gone_ms, const char *claim)
{
	char json[512];
	char ip[256];

	ctl_ipam_lead(b->ipam, 0);
	bed_run(b, gone_ms);
	bed_boot(b);
	ctl_ipam_lead(b->ipam, 1);
	(void)snprintf(json, sizeof(json), CLAIM, claim);
	bed_put(b, json);
	bed_run(b, 5000);
	return *ip_of(claim, ip) != 0;
}

/* The store may be of a backup: nodes that know better are listened to first. */
static void who_leads_after_nobody_did_listens_before_it_gives(void **state)
{
	char ip[256];

	(void)state;
	bed_put(b, pool);
	bed_run(b, 61000);
	assert_true(gives_after(90000, "soon")); /* a change of leaders */
	bed_run(b, 61000);
	assert_false(gives_after(240000, "late"));
	bed_run(b, 20000);
	assert_false(gives_after(1000, "next")); /* who comes after it listens, too */
	bed_run(b, 50000);
	assert_string_equal(ip_of("late", ip), "");
	bed_run(b, 7000);
	assert_true(*ip_of("late", ip));
	assert_true(*ip_of("next", ip));
	bed_run(b, 61000);
	assert_true(gives_after(1000, "again"));
}

/* What cannot be read says nothing of how far it was: it is not written over, and nothing is given.
 */
static void an_epoch_that_cannot_be_read_is_left_until_it_can(void **state)
{
	char was[256];
	char is[256];
	char again[300];
	char ip[256];

	(void)state;
	bed_put(b, pool);
	bed_run(b, 61000);
	(void)bed_get(b, SIM_EPOCH, NULL, "cluster", "spec.epoch", was);
	bed_merge(b, SIM_EPOCH, NULL, "cluster", NULL, "{\"spec\":{\"epoch\":\"x\"}}");
	assert_false(gives_after(1000, "waits"));
	bed_run(b, 130000);
	assert_string_equal(bed_get(b, SIM_EPOCH, NULL, "cluster", "spec.epoch", is), "x");
	assert_string_equal(ip_of("waits", ip), "");
	(void)snprintf(again, sizeof(again), "{\"spec\":{\"epoch\":%s}}", was);
	bed_merge(b, SIM_EPOCH, NULL, "cluster", NULL, again);
	bed_run(b, 5000);
	assert_true(*ip_of("waits", ip));
}

/* And a node that says so while it listens stops it. */
static void a_node_that_contradicts_is_heard_before_anything_is_given(void **state)
{
	struct ctl_ipam_stats s;
	char text[256];

	(void)state;
	bed_put(b, pool);
	bed_put(b, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}");
	bed_run(b, 61000);
	assert_false(gives_after(240000, "new"));
	bed_put(b, contradiction);
	bed_run(b, 2000);
	ctl_ipam_stats(b->ipam, &s);
	assert_int_equal(s.quarantined, 1);
	bed_run(b, 300000);
	ctl_ipam_stats(b->ipam, &s);
	assert_int_equal(s.quarantined, 0);
	assert_string_equal(bed_get(b, SIM_ADDRESS, NULL, "lan.10-99-2-1", "spec.state", text),
			    "Quarantined");
	assert_string_equal(ip_of("new", text), "10.99.2.2");
}

static uint64_t pool_version(void)
{
	char text[256];

	return strtoull(bed_get(b, SIM_POOL, NULL, "lan", "metadata.resourceVersion", text), NULL,
			10);
}

/*
 * Two may disagree about a quarantine only as long as both believe to lead, which a Lease bounds:
 * who does not lead writes nothing, whatever it knows.
 */
static void who_does_not_lead_says_nothing_of_pools(void **state)
{
	struct ctl_ipam_stats s;
	uint64_t before;
	char text[256];

	(void)state;
	bed_put(b, pool);
	bed_put(b, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}");
	bed_run(b, 61000);
	bed_put(b, contradiction);
	bed_run(b, 5000);
	bed_boot(b); /* as it asked for */
	ctl_ipam_lead(b->ipam, 1);
	bed_run(b, 5000);
	assert_string_equal(bed_get(b, SIM_POOL, NULL, "lan", "status.conditions.0.reason", text),
			    "RestoreSuspected");
	ctl_ipam_lead(b->ipam, 0);
	bed_run(b, 1000);
	/* What somebody else says of it, who leads and knows no quarantine, stays. */
	bed_merge(b, SIM_POOL, NULL, "lan", "status", "{\"status\":{\"conditions\":null}}");
	before = pool_version();
	bed_run(b, 60000);
	ctl_ipam_stats(b->ipam, &s);
	assert_int_equal(s.quarantined, 1);
	assert_int_equal(pool_version(), before);
	ctl_ipam_lead(b->ipam, 1);
	bed_run(b, 5000);
	assert_string_equal(bed_get(b, SIM_POOL, NULL, "lan", "status.conditions.0.reason", text),
			    "RestoreSuspected");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(who_leads_after_nobody_did_listens_before_it_gives),
		STORY(an_epoch_that_cannot_be_read_is_left_until_it_can),
		STORY(a_node_that_contradicts_is_heard_before_anything_is_given),
		STORY(who_does_not_lead_says_nothing_of_pools),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

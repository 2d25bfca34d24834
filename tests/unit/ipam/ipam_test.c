/* SPDX-License-Identifier: Apache-2.0 */
/* An attachment's life: dynamic and declared addresses, takeover, cooldown, abort, late DEL. */
#include "help.h"

#define POOL "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}]]"
#define DUAL "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"fd00::/64\"}]]"
#define TINY "\"ranges\":[[{\"subnet\":\"10.1.0.0/29\"}]]"
#define COOL ",\"cooldown\":3600"
#define POD(name) "IgnoreUnknown=1;K8S_POD_NAMESPACE=db;K8S_POD_NAME=" name

static const struct outcome *add(void **state, const char *cid, const char *ipam, const char *args)
{
	const struct call c = { .dir = *state, .cid = cid, .ipam = ipam, .args = args };

	return ipam_add(&c);
}

static int del(void **state, const char *cid, const char *ipam)
{
	const struct call c = { .dir = *state, .cid = cid, .ipam = ipam };
	const struct outcome *out = ipam_del(&c);

	if (out->r < 0)
		fail_msg("DEL: %s", out->err.msg);
	return out->r;
}

static void next_goes_round_as_host_local_does(void **state)
{
	assert_ips(add(state, "c1", TINY, NULL), "10.1.0.2/29");
	assert_ips(add(state, "c2", TINY, NULL), "10.1.0.3/29");
	assert_int_equal(del(state, "c1", TINY), 1);
	assert_ips(add(state, "c3", TINY, NULL), "10.1.0.4/29");
	assert_ips(add(state, "c4", TINY, NULL), "10.1.0.5/29");
	assert_ips(add(state, "c5", TINY, NULL), "10.1.0.6/29");
	assert_ips(add(state, "c6", TINY, NULL), "10.1.0.2/29");
	assert_refused(add(state, "c7", TINY, NULL), ENOSPC, BW_ERR_BUSY,
		       "no address is free in range set 10.1.0.1-10.1.0.6");
	assert_int_equal(del(state, "c4", TINY), 1);
	assert_ips(add(state, "c7", TINY, NULL), "10.1.0.5/29");
}

static void declared_address_is_given_and_its_prefix_checked(void **state)
{
	assert_ips(add(state, "c1", DUAL, "IP=10.1.0.7"), "10.1.0.7/24 fd00::2/64");
	assert_ips(add(state, "c2", DUAL, "IP=10.1.0.9/24,fd00::9/64"), "10.1.0.9/24 fd00::9/64");
	assert_refused(add(state, "c3", DUAL, "IP=10.1.0.8/16"), EINVAL, BW_ERR_INVALID,
		       "CNI_ARGS IP: expected the range's prefix length 24 or none");
	assert_refused(add(state, "c3", DUAL, "IP=10.1.0.1"), EINVAL, BW_ERR_INVALID,
		       "10.1.0.1 is the gateway's address");
	assert_refused(add(state, "c3", DUAL, "IP=10.2.0.1"), EINVAL, BW_ERR_INVALID,
		       "CNI_ARGS IP: expected an address in 10.1.0.1-10.1.0.254, fd00::1-");
	assert_refused(add(state, "c3", DUAL, "IP=10.1.0.7"), EBUSY, BW_ERR_BUSY,
		       "CNI_ARGS IP: 10.1.0.7 is held by container c1 eth0 (network n1, Live)");
	assert_int_equal(del(state, "c1", DUAL), 1);
	assert_ips(add(state, "c3", DUAL, "IP=10.1.0.7"), "10.1.0.7/24 fd00::a/64");
}

static void failed_family_leaves_nothing(void **state)
{
	static const char tight[] = "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],"
				    "[{\"subnet\":\"fd00::/64\",\"rangeStart\":\"fd00::2\","
				    "\"rangeEnd\":\"fd00::2\"}]]";

	assert_ips(add(state, "c1", tight, NULL), "10.1.0.2/24 fd00::2/64");
	assert_refused(add(state, "c2", tight, NULL), ENOSPC, BW_ERR_BUSY, "fd00::2-fd00::2");
	assert_int_equal(del(state, "c2", tight), 0);
	assert_int_equal(del(state, "c1", tight), 1);
	assert_ips(add(state, "c2", tight, NULL), "10.1.0.3/24 fd00::2/64");
}

static void second_add_is_refused_and_harmless(void **state)
{
	assert_ips(add(state, "c1", POOL, NULL), "10.1.0.2/24");
	assert_refused(add(state, "c1", POOL, NULL), EEXIST, BW_ERR_INVALID,
		       "container c1 eth0 is attached already");
	assert_int_equal(del(state, "c1", POOL), 1);
	assert_int_equal(del(state, "c1", POOL), 0);
}

static int count_finish(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	(void)err;
	assert_string_equal(a->container_id, "c1");
	++*(int *)arg;
	return 0;
}

static void stale_holder_of_another_boot_is_taken_over(void **state)
{
	int finished = 0;
	struct call c = { .dir = *state,
			  .cid = "c1",
			  .ipam = DUAL COOL,
			  .args = POD("a") ";IP=10.1.0.7",
			  .finish = count_finish,
			  .arg = &finished };

	assert_ips(ipam_add(&c), "10.1.0.7/24 fd00::2/64");
	c.cid = "c2";
	assert_refused(ipam_add(&c), EBUSY, BW_ERR_BUSY, "held by container c1 eth0 (pod db/a");
	assert_int_equal(finished, 0);
	c.boot = BOOT_B;
	assert_ips(ipam_add(&c), "10.1.0.7/24 fd00::3/64");
	assert_int_equal(finished, 1);
	/* The late DEL of the old one frees nothing. */
	assert_int_equal(del(state, "c1", DUAL COOL), 0);
	c.cid = "c3";
	assert_refused(ipam_add(&c), EBUSY, BW_ERR_BUSY, "held by container c2 eth0");
}

static void stale_holder_without_namespace_is_taken_over(void **state)
{
	int finished = 0;
	struct call c = { .dir = *state,
			  .cid = "c1",
			  .ipam = POOL,
			  .args = "IP=10.1.0.7",
			  .netns = "/run/netns/none-such",
			  .adding = 1,
			  .finish = count_finish,
			  .arg = &finished };

	assert_ips(ipam_add(&c), "10.1.0.7/24");
	c.cid = "c2";
	c.netns = NULL;
	c.adding = 0;
	assert_ips(ipam_add(&c), "10.1.0.7/24");
	assert_int_equal(finished, 1);
}

static void own_row_of_another_boot_does_not_lock_out(void **state)
{
	struct call c = { .dir = *state, .cid = "c1", .ipam = POOL, .args = "IP=10.1.0.7" };

	assert_ips(ipam_add(&c), "10.1.0.7/24");
	c.boot = BOOT_B;
	assert_ips(ipam_add(&c), "10.1.0.7/24");
}

static void exhausted_set_takes_from_the_dead(void **state)
{
	struct call c = { .dir = *state, .cid = "", .ipam = TINY };
	char cid[16];

	c.cid = cid;
	for (int i = 0; i < 5; i++) {
		(void)snprintf(cid, sizeof(cid), "c%d", i);
		assert_int_equal(ipam_add(&c)->r, 0);
	}
	(void)snprintf(cid, sizeof(cid), "new");
	assert_refused(ipam_add(&c), ENOSPC, BW_ERR_BUSY, "no address is free");
	c.boot = BOOT_B;
	assert_ips(ipam_add(&c), "10.1.0.2/29");
}

static void cooldown_binds_dynamic_picks_only(void **state)
{
	assert_ips(add(state, "c1", TINY COOL, POD("a")), "10.1.0.2/29");
	assert_int_equal(del(state, "c1", TINY COOL), 1);
	for (int i = 3; i <= 6; i++) {
		char cid[16];
		char want[32];

		(void)snprintf(cid, sizeof(cid), "d%d", i);
		(void)snprintf(want, sizeof(want), "10.1.0.%d/29", i);
		assert_ips(add(state, cid, TINY COOL, NULL), want);
	}
	assert_refused(add(state, "e", TINY COOL, NULL), ENOSPC, BW_ERR_BUSY, "no address is free");
	assert_refused(add(state, "e", TINY COOL, POD("b") ";IP=10.1.0.2"), EBUSY, BW_ERR_BUSY,
		       "10.1.0.2 is cooling for pod db/a for another");
	assert_ips(add(state, "e", TINY COOL, POD("a") ";IP=10.1.0.2"), "10.1.0.2/29");
}

static void cooled_addresses_come_back(void **state)
{
	static const char one[] = "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":"
				  "\"10.1.0.2\",\"rangeEnd\":\"10.1.0.2\"}]]";
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };
	int64_t id = 0;
	struct bw_attachment *a = calloc(1, sizeof(*a));
	struct bw_journal_addr row = { .domain = "n1", .prefix_len = 24 };

	assert_non_null(a);
	assert_int_equal(bw_journal_open(*state, BW_JOURNAL_F_CREATE, &j, &err), 0);
	strcpy(a->container_id, "c1");
	strcpy(a->ifname, "eth0");
	assert_int_equal(bw_journal_attach_insert(j, a, &id, &err), 0);
	row.attachment = id;
	assert_int_equal(bw_ip_parse("10.1.0.2", &row.ip), 0);
	assert_int_equal(bw_journal_addr_insert(j, &row, &err), 0);
	assert_int_equal(bw_journal_attach_remove(j, id, bw_clock_real_s() - 1, &err), 1);
	assert_ips(add(state, "c2", one, NULL), "10.1.0.2/24");
	assert_int_equal(del(state, "c2", one), 1);
	/* The clock ran ahead by a year when it was given back. */
	strcpy(a->container_id, "c3");
	assert_int_equal(bw_journal_attach_insert(j, a, &row.attachment, &err), 0);
	assert_int_equal(bw_journal_addr_insert(j, &row, &err), 0);
	assert_int_equal(
		bw_journal_attach_remove(j, row.attachment, bw_clock_real_s() + 31536000, &err), 1);
	bw_journal_close(&j);
	free(a);
	assert_ips(add(state, "c4", one, NULL), "10.1.0.2/24");
}

static void reservation_is_given_to_its_key_and_nobody_else(void **state)
{
	static const char pool[] =
		TINY COOL ",\"reservations\":[{\"key\":\"db/a\",\"address\":\"10.1.0.2\","
			  "\"mac\":\"02:00:00:00:00:09\"},"
			  "{\"key\":\"UNIT=u1\",\"address\":[\"10.1.0.4/29\"]}]";

	assert_ips(add(state, "c1", pool, NULL), "10.1.0.3/29");
	assert_ips(add(state, "c2", pool, POD("a")), "10.1.0.2/29");
	assert_ips(add(state, "c3", pool, "UNIT=u1"), "10.1.0.4/29");
	assert_ips(add(state, "c4", pool, NULL), "10.1.0.5/29");
	assert_ips(add(state, "c5", pool, NULL), "10.1.0.6/29");
	assert_int_equal(del(state, "c2", pool), 1);
	assert_refused(add(state, "c6", pool, NULL), ENOSPC, BW_ERR_BUSY, "no address is free");
	assert_refused(add(state, "c6", pool, POD("b") ";IP=10.1.0.2"), EINVAL, BW_ERR_INVALID,
		       "10.1.0.2 is reserved for \"db/a\"");
	assert_refused(add(state, "c6", pool, POD("a") ";IP=10.1.0.3"), EINVAL, BW_ERR_INVALID,
		       "two different addresses of one range set");
	assert_ips(add(state, "c6", pool, POD("a") ";IP=10.1.0.2"), "10.1.0.2/29");
}

static void abort_frees_at_once(void **state)
{
	struct bw_cni_request *req = request(*state, BW_CNI_ADD, "c1", POOL COOL, "", NULL);
	struct call c = { .dir = *state, .cid = "c1" };
	static struct bw_attachment who;
	struct bw_cni_result res = { 0 };
	struct bw_ipam_conf *conf = NULL;
	struct bw_ipam *ipam = NULL;
	struct bw_err err = { 0 };

	fill_who(&c, req, &who);
	assert_int_equal(bw_ipam_conf_parse(req, 0, &conf, &err), 0);
	assert_int_equal(bw_ipam_open(conf, &ipam, &err), 0);
	assert_int_equal(bw_ipam_add(ipam, &who, NULL, NULL, &res, &err), 0);
	assert_int_equal(bw_ipam_abort(ipam, "c1", "eth0", &err), 0);
	assert_int_equal(bw_ipam_live(ipam, "c1", "eth0", &err), -ECANCELED);
	bw_cni_result_done(&res);
	bw_ipam_close(&ipam);
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	assert_ips(add(state, "c2", POOL, "IP=10.1.0.2"), "10.1.0.2/24");
}

static void add_and_del_never_both_succeed(void **state)
{
	struct bw_cni_request *req = request(*state, BW_CNI_ADD, "c1", POOL, "", NULL);
	struct call c = { .dir = *state, .cid = "c1" };
	static struct bw_attachment who;
	struct bw_cni_result res = { 0 };
	struct bw_ipam_conf *conf = NULL;
	struct bw_ipam *ipam = NULL;
	struct bw_err err = { 0 };

	fill_who(&c, req, &who);
	assert_int_equal(bw_ipam_conf_parse(req, 0, &conf, &err), 0);
	assert_int_equal(bw_ipam_open(conf, &ipam, &err), 0);
	assert_int_equal(bw_ipam_add(ipam, &who, NULL, NULL, &res, &err), 0);
	assert_int_equal(del(state, "c1", POOL), 1);
	/* Another ADD of the same container must not be taken for ours. */
	assert_ips(add(state, "c1", POOL, NULL), "10.1.0.3/24");
	assert_int_equal(bw_ipam_live(ipam, "c1", "eth0", &err), -ECANCELED);
	assert_int_equal(err.class, BW_ERR_BUSY);
	assert_int_equal(bw_ipam_abort(ipam, "c1", "eth0", &err), 0);
	bw_cni_result_done(&res);
	bw_ipam_close(&ipam);
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	assert_int_equal(del(state, "c1", POOL), 1);
}

static void domains_are_apart_and_shared_by_name(void **state)
{
	assert_ips(add(state, "c1", POOL ",\"domain\":\"lan\"", "IP=10.1.0.7"), "10.1.0.7/24");
	assert_refused(add(state, "c2", POOL ",\"domain\":\"lan\"", "IP=10.1.0.7"), EBUSY,
		       BW_ERR_BUSY, "held by container c1");
	assert_ips(add(state, "c2", POOL, "IP=10.1.0.7"), "10.1.0.7/24");
}

static void del_without_a_journal_makes_none(void **state)
{
	char path[256];

	assert_int_equal(del(state, "c1", POOL), 0);
	(void)snprintf(path, sizeof(path), "%s/journal.db", (char *)*state);
	assert_int_equal(access(path, F_OK), -1);
}

#define in_dir(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(next_goes_round_as_host_local_does),
		in_dir(declared_address_is_given_and_its_prefix_checked),
		in_dir(failed_family_leaves_nothing),
		in_dir(second_add_is_refused_and_harmless),
		in_dir(stale_holder_of_another_boot_is_taken_over),
		in_dir(stale_holder_without_namespace_is_taken_over),
		in_dir(own_row_of_another_boot_does_not_lock_out),
		in_dir(exhausted_set_takes_from_the_dead),
		in_dir(cooldown_binds_dynamic_picks_only),
		in_dir(cooled_addresses_come_back),
		in_dir(reservation_is_given_to_its_key_and_nobody_else),
		in_dir(abort_frees_at_once),
		in_dir(add_and_del_never_both_succeed),
		in_dir(domains_are_apart_and_shared_by_name),
		in_dir(del_without_a_journal_makes_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

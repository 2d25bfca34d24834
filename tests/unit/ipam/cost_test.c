/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an ADD costs does not depend on how many addresses are in use: counted in steps of SQLite's
 * virtual machine, so the number is the same on every machine.
 */
#include "help.h"

#include "ipam_priv.h"
#include "journal_db.h"

#define POOL                                                                                       \
	"\"subnet\":\"10.0.0.0/12\",\"gateway\":\"10.0.128.1\","                                   \
	"\"exclude\":[\"10.0.0.16/28\",\"10.0.9.9\",\"10.1.0.0-10.1.0.255\"],"                     \
	"\"reservations\":[{\"key\":\"db/x\",\"address\":[\"10.0.7.7\"]},"                         \
	"{\"key\":\"db/y\",\"address\":[\"10.0.7.9\"]}]"
#define V6 "\"subnet\":\"fd00::/64\""

enum layout {
	DENSE, /* one run from the pool's beginning */
	SPARSE, /* every second address */
};

/* Puts @n addresses into the journal at once; excludes and reservations stay free. */
static void fill(const char *dir, int family, unsigned int n, enum layout layout)
{
	struct bw_journal_addr row = { .domain = "n1", .prefix_len = 12 };
	struct bw_attachment *a = calloc(1, sizeof(*a));
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };

	assert_non_null(a);
	assert_int_equal(bw_journal_open(dir, BW_JOURNAL_F_CREATE, &j, &err), 0);
	assert_int_equal(bw_journal_begin(j, BW_JOURNAL_NORMAL, &err), 0);
	strcpy(a->ifname, "eth0");
	strcpy(a->network, "n1");
	strcpy(a->boot_id, BOOT_A);
	assert_int_equal(bw_ip_parse(family == AF_INET ? "10.0.0.1" : "fd00::2", &row.ip), 0);
	for (unsigned int done = 0; done < n;) {
		unsigned int low = (unsigned int)row.ip.b[13] << 16 |
				   (unsigned int)row.ip.b[14] << 8 | row.ip.b[15];
		int skip = family == AF_INET &&
			   (low == 0x008001 || (low & ~0xfU) == 0x000010 || low == 0x000909 ||
			    low >> 8 == 0x0100 || low == 0x000707 || low == 0x000709);

		if (!skip) {
			(void)snprintf(a->container_id, sizeof(a->container_id), "f%u", done);
			assert_int_equal(bw_journal_attach_insert(j, a, &row.attachment, &err), 0);
			assert_int_equal(bw_journal_addr_insert(j, &row, &err), 0);
			done++;
		}
		assert_int_equal(bw_ip_add(&row.ip, layout == DENSE ? 1 : 2), 0);
	}
	assert_int_equal(bw_journal_commit(j, &err), 0);
	bw_journal_close(&j);
	free(a);
}

/* Steps of one ADD with everything up to Live, by a handle of its own. */
static int add_steps(const char *dir, const char *ipam_text, const char *args, const char *cid)
{
	struct bw_cni_request *req = request(dir, BW_CNI_ADD, cid, ipam_text, "", args);
	struct call c = { .dir = dir, .cid = cid };
	static struct bw_attachment who;
	struct bw_cni_result res = { 0 };
	struct bw_ipam_conf *conf = NULL;
	struct bw_ipam *ipam = NULL;
	struct bw_err err = { 0 };
	int steps = 0;

	fill_who(&c, req, &who);
	if (bw_ipam_conf_parse(req, 0, &conf, &err) < 0 || bw_ipam_open(conf, &ipam, &err) < 0 ||
	    bw_ipam_add(ipam, &who, NULL, NULL, &res, &err) < 0 ||
	    bw_ipam_live(ipam, cid, "eth0", &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < BW_ST_MAX_; i++)
		if (ipam->data->st[i])
			steps += sqlite3_stmt_status(ipam->data->st[i], SQLITE_STMTSTATUS_VM_STEP,
						     0);
	bw_cni_result_done(&res);
	bw_ipam_close(&ipam);
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	return steps;
}

static int del_steps(const char *dir, const char *ipam_text, const char *cid)
{
	struct bw_cni_request *req = request(dir, BW_CNI_DEL, cid, ipam_text, "", NULL);
	static struct bw_attachment row;
	struct bw_ipam_conf *conf = NULL;
	struct bw_ipam *ipam = NULL;
	struct bw_err err = { 0 };
	int steps = 0;

	assert_int_equal(bw_ipam_conf_parse(req, 1, &conf, &err), 0);
	assert_int_equal(bw_ipam_open(conf, &ipam, &err), 0);
	assert_int_equal(bw_ipam_del_begin(ipam, cid, "eth0", &row, &err), 1);
	assert_int_equal(bw_ipam_del_finish(ipam, cid, "eth0", &err), 0);
	for (size_t i = 0; i < BW_ST_MAX_; i++)
		if (ipam->data->st[i])
			steps += sqlite3_stmt_status(ipam->data->st[i], SQLITE_STMTSTATUS_VM_STEP,
						     0);
	bw_ipam_close(&ipam);
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	return steps;
}

static const unsigned int sizes[] = { 1, 10000, 60000 };

/* @slack: steps one more or one less neighbouring run may cost. */
static void flat(int family, enum layout layout, const char *strategy, const char *args, int slack)
{
	int add[BW_ARRAY_SIZE(sizes)];
	int del[BW_ARRAY_SIZE(sizes)];
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s,\"strategy\":\"%s\"", family == AF_INET ? POOL : V6,
		       strategy);
	for (size_t i = 0; i < BW_ARRAY_SIZE(sizes); i++) {
		void *dir = NULL;

		assert_int_equal(make_dir(&dir), 0);
		fill(dir, family, sizes[i], layout);
		/* The cursor of `next` is where a node's is: at the end of what is used. */
		(void)add_steps(dir, text, NULL, "warm");
		add[i] = add_steps(dir, text, args, "c1");
		del[i] = del_steps(dir, text, "c1");
		drop_dir(&dir);
	}
	print_message("# %s %s: ADD %d %d %d, DEL %d %d %d steps\n", strategy,
		      layout == DENSE ? "dense" : "sparse", add[0], add[1], add[2], del[0], del[1],
		      del[2]);
	for (size_t i = 1; i < BW_ARRAY_SIZE(sizes); i++) {
		assert_true(abs(add[i] - add[0]) <= slack);
		assert_true(abs(del[i] - del[0]) <= slack);
	}
}

#define NEIGHBOURS 60 /* steps: a run more to look at, to join, or to part */
#define HOLES 250 /* steps: every hole of the configuration may be among the used ones */

static void next_costs_the_same(void **state)
{
	(void)state;
	flat(AF_INET, DENSE, "next", NULL, NEIGHBOURS);
	flat(AF_INET, SPARSE, "next", NULL, NEIGHBOURS);
}

static void lowest_costs_the_same(void **state)
{
	(void)state;
	flat(AF_INET, DENSE, "lowest", NULL, HOLES);
	flat(AF_INET, SPARSE, "lowest", NULL, NEIGHBOURS);
}

static void random_costs_the_same(void **state)
{
	(void)state;
	flat(AF_INET, DENSE, "random", NULL, HOLES);
	flat(AF_INET6, DENSE, "random", NULL, NEIGHBOURS);
}

static void declared_costs_the_same(void **state)
{
	(void)state;
	flat(AF_INET, DENSE, "next", "IP=10.15.0.7", NEIGHBOURS);
	flat(AF_INET6, DENSE, "next", "IP=fd00::ffff:0:7", NEIGHBOURS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_costs_the_same),
		cmocka_unit_test(lowest_costs_the_same),
		cmocka_unit_test(random_costs_the_same),
		cmocka_unit_test(declared_costs_the_same),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

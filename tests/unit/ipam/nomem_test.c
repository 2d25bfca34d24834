/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation of an ADD and of a DEL fails once, SQLite's too: what was asked for fails with a
 * text, the journal is sound, and the next one works.
 */
#include "help.h"

#if defined(__SANITIZE_ADDRESS__)
#define CAN_FAIL 0
#else
#define CAN_FAIL 1

/* glibc's own, behind the names that are taken over here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
#endif

static long countdown = -1; /* allocations until one fails; -1 = none does */

#if CAN_FAIL
static int fails_now(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *malloc(size_t size)
{
	return fails_now() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails_now() ? NULL : __libc_realloc(p, size);
}
#endif

#define POOL                                                                                       \
	"\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"fd00::/64\"}]],"                \
	"\"exclude\":[\"10.1.0.9\"],\"routes\":[{\"dst\":\"0.0.0.0/0\"}],"                         \
	"\"reservations\":[{\"key\":\"db/a\",\"address\":\"10.1.0.7\"}]"

/* One ADD or DEL whose n-th allocation from the configuration on fails. */
static int attempt(const char *dir, enum bw_cni_verb verb, long n, struct bw_err *err)
{
	struct bw_cni_request *req = request(dir, verb, "c1", POOL, "", NULL);
	struct call c = { .dir = dir, .cid = "c1" };
	static struct bw_attachment who;
	struct bw_cni_result res = { 0 };
	struct bw_ipam_conf *conf = NULL;
	struct bw_ipam *ipam = NULL;
	int r;

	fill_who(&c, req, &who);
	memset(err, 0, sizeof(*err));
	countdown = n;
	r = bw_ipam_conf_parse(req, verb == BW_CNI_DEL, &conf, err);
	if (r == 0)
		r = bw_ipam_open(conf, &ipam, err);
	if (r == 0 && verb == BW_CNI_ADD) {
		r = bw_ipam_add(ipam, &who, NULL, NULL, &res, err);
		if (r == 0)
			r = bw_ipam_live(ipam, "c1", "eth0", err);
	} else if (r == 0) {
		r = bw_ipam_del_begin(ipam, "c1", "eth0", &who, err);
		if (r > 0)
			r = bw_ipam_del_finish(ipam, "c1", "eth0", err);
	}
	bw_ipam_close(&ipam);
	countdown = -1;
	bw_cni_result_done(&res);
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	return r;
}

static void note(const char *text, void *arg)
{
	(void)snprintf(arg, 512, "%s", text);
}

static void assert_sound(const char *dir)
{
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };
	char text[512] = "";

	if (bw_journal_open(dir, 0, &j, &err) == -ENOENT)
		return;
	if (!j || bw_journal_check(j, note, text, &err) != 0)
		fail_msg("%s %s", text, err.msg);
	bw_journal_close(&j);
}

static void every(const char *dir, enum bw_cni_verb verb)
{
	struct bw_err err;
	unsigned int failed = 0;
	unsigned int good = 0;

	for (long n = 0; n < 20000; n++) {
		int r;

		if (verb == BW_CNI_DEL)
			assert_int_equal(attempt(dir, BW_CNI_ADD, -1, &err), 0);
		r = attempt(dir, verb, n, &err);
		if (r < 0)
			assert_true(err.msg[0]);
		failed += r < 0;
		assert_sound(dir);
		if (attempt(dir, BW_CNI_DEL, -1, &err) < 0)
			fail_msg("DEL after failure %ld: %s", n, err.msg);
		/* Some failures are made good: only a run of many successes is the end. */
		good = r < 0 ? 0 : good + 1;
		if (good > 200)
			break;
	}
	print_message("# %u failures\n", failed);
	assert_true(failed > 20);
}

static void add_survives_every_failed_allocation(void **state)
{
	struct bw_err err;

	if (!CAN_FAIL)
		return;
	assert_int_equal(attempt(*state, BW_CNI_ADD, -1, &err), 0);
	assert_int_equal(attempt(*state, BW_CNI_DEL, -1, &err), 0);
	every(*state, BW_CNI_ADD);
	assert_int_equal(attempt(*state, BW_CNI_ADD, -1, &err), 0);
}

static void del_survives_every_failed_allocation(void **state)
{
	if (!CAN_FAIL)
		return;
	every(*state, BW_CNI_DEL);
}

#define in_dir(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(add_survives_every_failed_allocation),
		in_dir(del_survives_every_failed_allocation),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

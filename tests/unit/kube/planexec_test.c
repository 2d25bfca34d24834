/* SPDX-License-Identifier: Apache-2.0 */
/* Commands as steps of a plan: what is sent, what an answer means, what ends one. */
#include "bed.h"

#include <bw/kube_podexec.h>

static struct {
	struct bw_kube_podexec *x; /* the one in flight; NULL = none */
	unsigned int started;
	unsigned int cancelled;
	int fail_start;
	char what[256]; /* the last one's container and words */
} execs;

static int exec_start(struct bw_kube_client *c UNUSED, const struct bw_kube_podexec_request *r,
		      struct bw_kube_podexec *x, struct bw_err *err)
{
	if (execs.fail_start)
		return bw_fail(err, -execs.fail_start, "run a command");
	assert_null(execs.x);
	execs.x = x;
	execs.started++;
	(void)snprintf(execs.what, sizeof(execs.what), "%s/%s/%s", r->namespace, r->pod,
		       r->container);
	for (size_t i = 0; r->argv[i]; i++)
		(void)snprintf(execs.what + strlen(execs.what),
			       sizeof(execs.what) - strlen(execs.what), " %s", r->argv[i]);
	return 0;
}

static void exec_cancel(struct bw_kube_podexec *x)
{
	assert_ptr_equal(x, execs.x);
	execs.x = NULL;
	execs.cancelled++;
}

static void answer(enum bw_kube_result result, int exit_code)
{
	struct bw_kube_podexec_answer a = { .result = result,
					    .exit_code = exit_code,
					    .reason = "",
					    .message = "said",
					    .out = "",
					    .errout = "" };
	struct bw_kube_podexec *x = execs.x;

	if (!x)
		abort(); /* nothing is in flight */
	execs.x = NULL;
	x->client = NULL;
	x->done(&a, x->arg);
}

static const struct bw_kube_client_ops ops = { .start = fake_start,
					       .cancel = fake_cancel,
					       .free = fake_free,
					       .podexec_start = exec_start,
					       .podexec_cancel = exec_cancel };

static enum bw_plan_next judge_exec(const struct bw_kube_podexec_answer *a, void *arg)
{
	struct bed *b = arg;

	b->judged++;
	b->last = a->result;
	return b->next;
}

static void add_exec(struct bw_plan *p, bw_plan_exec_fn done, void *arg)
{
	char word[] = "status";
	const char *const argv[] = { "/barewire/barewire-launch", word, NULL };
	const struct bw_kube_podexec_request r = {
		.namespace = "db", .pod = "r-0", .container = "redis", .argv = argv
	};

	bw_plan_exec(p, &r, done, arg);
	word[0] = 'x'; /* the plan has copies */
}

/* A command, then a write. */
static int plan_exec(struct bed *b, const char *name, struct bw_kube_object *o UNUSED,
		     struct bw_plan *p)
{
	if (b->runs > 1)
		return 0;
	add_exec(p, b->next == BW_PLAN_GO_ON ? NULL : judge_exec, b);
	write_status(p, name, NULL, NULL);
	return 0;
}

static void begin(struct bed *b, enum bw_plan_next next)
{
	memset(&execs, 0, sizeof(execs));
	start(b, 1);
	b->f.client.ops = &ops;
	b->plan = plan_exec;
	b->next = next;
	fake_run(&b->f, 0);
}

static void a_command_is_a_line_of_the_plan(void **state UNUSED)
{
	struct bw_plan *p = NULL;
	bw_autofree char *text = NULL;

	assert_int_equal(bw_plan_new(&p, NULL), 0);
	add_exec(p, NULL, NULL);
	assert_int_equal(bw_plan_print(p, &text, NULL), 0);
	assert_string_equal(text, "{\"verb\":\"exec\",\"namespace\":\"db\",\"name\":\"r-0\","
				  "\"container\":\"redis\",\"argv\":["
				  "\"/barewire/barewire-launch\",\"status\"]}\n");
	bw_plan_free(&p);
}

static void the_plan_goes_on_after_a_command_that_went_well(void **state UNUSED)
{
	struct bed b;

	begin(&b, BW_PLAN_GO_ON);
	assert_string_equal(execs.what, "db/r-0/redis /barewire/barewire-launch status");
	assert_null(fake_peek(&b.f, BW_KUBE_MERGE, NULL));
	answer(BW_KUBE_OK, 0);
	assert_non_null(fake_next(&b.f, BW_KUBE_MERGE, NULL));
	unmake(&b);
}

static void a_command_that_went_wrong_ends_the_plan(void **state UNUSED)
{
	static const struct {
		enum bw_kube_result result;
		int exit_code;
	} all[] = { { BW_KUBE_OK, 1 }, { BW_KUBE_UNKNOWN, -1 }, { BW_KUBE_FORBIDDEN, -1 } };

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		struct bed b;

		begin(&b, BW_PLAN_GO_ON);
		answer(all[i].result, all[i].exit_code);
		fake_run(&b.f, 1 * S);
		assert_null(fake_peek(&b.f, BW_KUBE_MERGE, NULL));
		assert_int_equal(b.runs, 2);
		unmake(&b);
	}
}

static void who_judges_a_command_decides_what_comes(void **state UNUSED)
{
	struct bed b;

	begin(&b, BW_PLAN_AGAIN);
	answer(BW_KUBE_OK, 3);
	fake_run(&b.f, 0);
	assert_int_equal(b.judged, 1);
	assert_int_equal(b.runs, 2);
	assert_null(fake_peek(&b.f, BW_KUBE_MERGE, NULL));
	unmake(&b);
}

static void a_command_that_takes_too_long_is_cut(void **state UNUSED)
{
	struct bed b;

	begin(&b, BW_PLAN_FAIL);
	fake_run(&b.f, 61 * S);
	assert_int_equal(execs.cancelled, 1);
	assert_int_equal(b.judged, 1);
	assert_int_equal(b.last, BW_KUBE_UNKNOWN);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void a_runtime_that_goes_cancels_its_commands(void **state UNUSED)
{
	struct bed b;

	begin(&b, BW_PLAN_GO_ON);
	assert_non_null(execs.x);
	unmake(&b);
	assert_int_equal(execs.cancelled, 1);
}

static void a_command_that_cannot_be_sent_is_answered(void **state UNUSED)
{
	struct bed b;

	memset(&execs, 0, sizeof(execs));
	start(&b, 1);
	b.plan = plan_exec;
	b.next = BW_PLAN_FAIL;
	fake_run(&b.f, 0); /* this client runs no commands */
	assert_int_equal(b.judged, 1);
	assert_int_equal(b.last, BW_KUBE_REFUSED);
	unmake(&b);
	start(&b, 1);
	b.f.client.ops = &ops;
	execs.fail_start = -EINVAL;
	b.plan = plan_exec;
	b.next = BW_PLAN_PARK;
	fake_run(&b.f, 0);
	assert_int_equal(b.last, BW_KUBE_INVALID);
	fake_run(&b.f, 600 * S);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_is_a_line_of_the_plan),
		cmocka_unit_test(the_plan_goes_on_after_a_command_that_went_well),
		cmocka_unit_test(a_command_that_went_wrong_ends_the_plan),
		cmocka_unit_test(who_judges_a_command_decides_what_comes),
		cmocka_unit_test(a_command_that_takes_too_long_is_cut),
		cmocka_unit_test(a_runtime_that_goes_cancels_its_commands),
		cmocka_unit_test(a_command_that_cannot_be_sent_is_answered),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

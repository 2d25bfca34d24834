/* SPDX-License-Identifier: Apache-2.0 */
/* Two looks, ten seconds apart: when an attachment counts as dead. And children of the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <bw/err.h>

#include "look.h"
#include "run.h"

#define S 1000000000LL

static void one_look_is_not_enough(void **state)
{
	static struct agent_suspects s;

	(void)state;
	assert_int_equal(agent_suspects_note(&s, 7, 0), 0);
	agent_suspects_end(&s, 0);
	assert_int_equal(agent_suspects_note(&s, 7, 9 * S), 0);
	agent_suspects_end(&s, 9 * S);
	assert_int_equal(agent_suspects_note(&s, 7, 10 * S), 1);
}

static void who_is_found_alive_in_between_begins_anew(void **state)
{
	static struct agent_suspects s;

	(void)state;
	assert_int_equal(agent_suspects_note(&s, 7, 0), 0);
	agent_suspects_end(&s, 0);
	agent_suspects_end(&s, 10 * S); /* this look did not find it dead */
	assert_int_equal(s.n, 0);
	assert_int_equal(agent_suspects_note(&s, 7, 20 * S), 0);
	assert_int_equal(agent_suspects_note(&s, 7, 30 * S), 1);
}

static void more_suspects_than_there_is_room_for_live_longer(void **state)
{
	static struct agent_suspects s;

	(void)state;
	for (int64_t i = 1; i <= AGENT_DEAD_MAX + 5; i++)
		assert_int_equal(agent_suspects_note(&s, i, 0), 0);
	assert_int_equal(s.n, AGENT_DEAD_MAX);
	assert_int_equal(agent_suspects_note(&s, AGENT_DEAD_MAX, 10 * S), 1);
	assert_int_equal(agent_suspects_note(&s, AGENT_DEAD_MAX + 1, 10 * S), 0);
}

struct end {
	struct bw_loop *loop;
	int status;
	int n;
};

static void on_end(int status, void *arg)
{
	struct end *e = arg;

	e->status = status;
	e->n++;
	bw_loop_stop(e->loop);
}

static int run(const char *path, const char *const *env, const char *input)
{
	struct bw_err err = { 0 };
	struct end e = { 0 };
	struct agent_run r = { .done = on_end, .arg = &e };

	assert_int_equal(bw_loop_new(&e.loop, &err), 0);
	r.loop = e.loop;
	if (agent_run_start(&r, path, env, input, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(bw_loop_run(e.loop, &err), 0);
	assert_int_equal(e.n, 1);
	assert_int_equal(r.pid, 0);
	bw_loop_free(&e.loop);
	return e.status;
}

static void a_child_gets_its_input_and_tells_its_end(void **state)
{
	static const char *const none[] = { NULL };

	(void)state;
	assert_int_equal(WEXITSTATUS(run("/bin/sh", none, "exit 7\n")), 7);
	assert_int_equal(WEXITSTATUS(run("/bin/sh", none, "read x; exit 0\nhello\n")), 0);
}

static void a_program_that_is_not_there_is_an_error_and_leaves_nothing(void **state)
{
	static const char *const none[] = { NULL };
	struct bw_err err = { 0 };
	struct agent_run r = { .done = on_end };

	(void)state;
	assert_int_equal(bw_loop_new(&r.loop, &err), 0);
	assert_int_equal(agent_run_start(&r, "/nonexistent/barewire", none, "", &err), -ENOENT);
	assert_int_equal(r.pid, 0);
	agent_run_cancel(&r);
	bw_loop_free(&r.loop);
}

static void a_cancelled_child_is_gone(void **state)
{
	static const char *const none[] = { NULL };
	struct bw_err err = { 0 };
	struct agent_run r = { .done = on_end };

	(void)state;
	assert_int_equal(bw_loop_new(&r.loop, &err), 0);
	assert_int_equal(agent_run_start(&r, "/bin/sh", none, "kill -STOP $$\n", &err), 0);
	agent_run_cancel(&r);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	bw_loop_free(&r.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_look_is_not_enough),
		cmocka_unit_test(who_is_found_alive_in_between_begins_anew),
		cmocka_unit_test(more_suspects_than_there_is_room_for_live_longer),
		cmocka_unit_test(a_child_gets_its_input_and_tells_its_end),
		cmocka_unit_test(a_program_that_is_not_there_is_an_error_and_leaves_nothing),
		cmocka_unit_test(a_cancelled_child_is_gone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

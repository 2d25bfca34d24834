/* SPDX-License-Identifier: Apache-2.0 */
/* barewire-launch as process 1: signals, orphans, stop and start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <bw/ip.h>

#include "box.h"

/*
 * Says that it runs, and ends with 7 when it is told to. The line comes from a process that has no
 * handlers: a signal between fork and exec of the shell's would be lost.
 */
#define UP "sh -c 'echo up; exec sleep 1000' & while :; do wait; done"
#define POLITE "trap 'echo term; exit 7' TERM; trap 'echo usr1' USR1; " UP
/* Does not end by SIGTERM; what it starts does. */
#define DEAF "trap : TERM; trap 'exit 3' USR1; " UP

static void status_of_the_command_becomes_ours(void **state)
{
	static const struct {
		const char *script;
		int status;
	} cases[] = {
		{ "exit 0", 0 }, { "exit 7", 7 }, { "kill -9 $$", 137 }, { "kill -15 $$", 143 }
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct box b;
		pid_t outer;

		box_init(&b);
		outer = box_shell(&b, cases[i].script);
		assert_int_equal(box_wait(&b, outer), cases[i].status);
		box_done(&b);
	}
}

static void command_that_cannot_run_is_told_by_the_status(void **state)
{
	char missing[] = "/nonexistent/command", folder[] = "/etc";
	char *const first[] = { missing, NULL };
	char *const second[] = { folder, NULL };
	struct box *b = *state;
	pid_t outer;

	outer = box_start(b, first);
	assert_int_equal(box_wait(b, outer), LAUNCH_NOT_FOUND);
	outer = box_start(b, second);
	assert_int_equal(box_wait(b, outer), LAUNCH_CANNOT_RUN);
}

static void signals_are_forwarded(void **state)
{
	struct box *b = *state;
	pid_t outer;

	outer = box_shell(b, POLITE);
	box_expect(b, "up");
	assert_int_equal(kill(b->pid, SIGUSR1), 0);
	box_expect(b, "usr1");
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	box_expect(b, "term");
	assert_int_equal(box_wait(b, outer), 7);
}

static void write_mark(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void a_mark_says_which_files_there_are(void **state)
{
	static const struct {
		const char *text; /* NULL = there is no such file */
		const char *want;
		int is;
	} all[] = {
		{ NULL, "secret-12", 0 },          { "secret-12", "secret-12", 1 },
		{ "secret-12", "secret-1", 0 },    { "secret-12", "secret-123", 0 },
		{ "secret-12\n", "secret-12", 0 }, { "secret-12", "12", 0 },
	};
	struct box *b = *state;
	char path[128];
	char folder[96];
	int is = 1;

	(void)snprintf(folder, sizeof(folder), "%s/files", b->dir);
	(void)snprintf(path, sizeof(path), "%s/.barewire", folder);
	assert_int_equal(launch_folder_is(folder, "0", &is, NULL), -ENOENT);
	assert_int_equal(is, 0);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(launch_folder_is(folder, "0", &is, NULL), 0);
	assert_int_equal(is, 1);
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		if (all[i].text)
			write_mark(path, all[i].text);
		assert_int_equal(launch_folder_is(folder, all[i].want, &is, NULL), 0);
		assert_int_equal(is, all[i].is);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void files_have_one_hash_whatever_their_order(void **state)
{
	static const char *const files[][2] = { { "b.conf", "two\n" },
						{ "a", "" },
						{ ".hidden", "x" } };
	struct box *b = *state;
	char path[128];
	char folder[96];
	uint64_t want = 0;
	uint64_t is = 0;

	(void)snprintf(folder, sizeof(folder), "%s/files", b->dir);
	assert_int_equal(launch_folder_hash(folder, &is, NULL), -ENOENT);
	assert_int_equal(mkdir(folder, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/..data", folder);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(launch_folder_hash(folder, &is, NULL), 0);
	assert_int_equal(is, 0);
	for (size_t i = 0; i < BW_ARRAY_SIZE(files); i++) {
		uint64_t h = bw_fnv64(BW_FNV64_BASIS, files[i][0], strlen(files[i][0]) + 1);
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i][0]);
		f = fopen(path, "we");
		assert_non_null(f);
		assert_true(fputs(files[i][1], f) >= 0);
		assert_int_equal(fclose(f), 0);
		want += bw_fnv64(h, files[i][1], strlen(files[i][1]));
	}
	assert_int_equal(launch_folder_hash(folder, &is, NULL), 0);
	assert_true(is == want);
	for (size_t i = 0; i < BW_ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i][0]);
		assert_int_equal(unlink(path), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/..data", folder);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void a_signal_can_be_asked_for(void **state)
{
	struct box *b = *state;
	pid_t outer;

	outer = box_shell(b, POLITE);
	box_expect(b, "up");
	box_ask_expect(b, "signal 10\n", "\"state\":\"Running\"");
	box_expect(b, "usr1");
	box_ask_expect(b, "stop 1000 0\n", "\"state\":\"Stopped\"");
	box_expect(b, "term");
	box_ask_expect(b, "signal 10\n", "\"state\":\"Stopped\"");
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	assert_int_equal(box_wait(b, outer), 0);
}

static void orphans_are_reaped(void **state)
{
	struct box *b = *state;
	pid_t outer;

	/* The inner shell ends first; a zombie would stay in /proc. */
	outer = box_shell(b, "p=$(sh -c 'sleep 0.05 >/dev/null & echo $!');"
			     "while [ -e /proc/$p ]; do sleep 0.01; done; echo gone");
	box_expect(b, "gone");
	assert_int_equal(box_wait(b, outer), 0);
}

static void stop_keeps_the_container_and_start_runs_the_command_again(void **state)
{
	struct box *b = *state;
	pid_t outer;

	outer = box_shell(b, POLITE);
	box_expect(b, "up");
	box_ask_expect(b, "status\n", "{\"state\":\"Running\",\"pid\":2,\"starts\":1,");
	box_ask_expect(b, "stop 1000 0\n", "\"state\":\"Stopped\",\"pid\":0,\"starts\":1,");
	box_expect(b, "term");
	assert_true(box_has(b, LAUNCH_STOP_FILE));
	box_ask_expect(b, "status\n", "\"lastExit\":{\"code\":7,\"signal\":0}}");
	/* Once more changes nothing. */
	box_ask_expect(b, "stop 1000 0\n", "\"state\":\"Stopped\"");
	assert_int_equal(kill(b->pid, 0), 0);
	box_ask_expect(b, "start\n", "\"state\":\"Running\",");
	box_expect(b, "up");
	assert_false(box_has(b, LAUNCH_STOP_FILE));
	box_ask_expect(b, "start\n", "\"starts\":2,");
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	box_expect(b, "term");
	assert_int_equal(box_wait(b, outer), 7);
}

static void who_does_not_listen_is_killed_when_the_grace_is_over(void **state)
{
	struct box *b = *state;
	pid_t outer;

	outer = box_shell(b, DEAF);
	box_expect(b, "up");
	box_ask_expect(b, "stop 0 0\n", "\"lastExit\":{\"code\":-1,\"signal\":9}}");
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	/* Nothing has failed: the container had nothing to run. */
	assert_int_equal(box_wait(b, outer), 0);
}

static void stop_can_name_its_signal(void **state)
{
	struct box *b = *state;
	pid_t outer;

	b->o.stop_signal = SIGUSR2;
	outer = box_shell(b, "trap 'exit 5' USR2; " DEAF);
	box_expect(b, "up");
	box_ask_expect(b, "stop 1000 10\n", "\"lastExit\":{\"code\":3,\"signal\":0}}");
	box_ask_expect(b, "start\n", "Running");
	box_expect(b, "up");
	/* The container's own otherwise, and it ends one that is stopped. */
	box_ask_expect(b, "stop 1000 0\n", "\"lastExit\":{\"code\":5,\"signal\":0}}");
	assert_int_equal(kill(b->pid, SIGUSR2), 0);
	assert_int_equal(box_wait(b, outer), 0);
}

/* A FIFO's end shows that nobody who has it open lives: process 1 never had. */
static void stopped_means_that_nobody_is_left(void **state)
{
	char fifo[128], script[512], c;
	bw_autoclose int fd = -1;
	struct pollfd p = { .events = POLLIN };
	struct box *b = *state;
	pid_t outer;

	(void)snprintf(fifo, sizeof(fifo), "%s/file", b->dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	/* One that listens, one that does not, both in sessions of their own. */
	(void)snprintf(script, sizeof(script),
		       "exec 3>%s; setsid sleep 1000 & setsid sh -c \"trap '' TERM; "
		       "echo deaf; while :; do sleep 1000; done\" & trap 'exit 0' TERM; wait; wait",
		       fifo);
	outer = box_shell(b, script);
	box_expect(b, "deaf");
	box_ask_expect(b, "stop 1 0\n", "\"state\":\"Stopped\"");
	p.fd = fd;
	assert_int_equal(poll(&p, 1, BOX_WAIT_MS), 1);
	assert_int_equal(read(fd, &c, 1), 0);
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	assert_int_equal(box_wait(b, outer), 0);
}

/* The one in the middle is left to us first, and leaves us its own. */
static void who_is_left_later_hears_of_the_stop_too(void **state)
{
	struct box *b = *state;
	pid_t outer;

	outer = box_shell(b, "setsid sh -c \"setsid sh -c 'echo up; exec sleep 1000' & wait\" & "
			     "trap 'exit 0' TERM; while :; do wait; done");
	box_expect(b, "up");
	box_ask_expect(b, "stop 1000 0\n", "\"state\":\"Stopped\"");
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	assert_int_equal(box_wait(b, outer), 0);
}

static void stop_outlives_the_container(void **state)
{
	struct box *b = *state;
	pid_t outer;

	outer = box_shell(b, POLITE);
	box_expect(b, "up");
	box_ask_expect(b, "stop 1000 0\n", "Stopped");
	assert_int_equal(kill(b->pid, SIGKILL), 0);
	assert_int_equal(box_wait(b, outer), 137);
	outer = box_shell(b, POLITE);
	box_ask_expect(b, "status\n", "{\"state\":\"Stopped\",\"pid\":0,\"starts\":0,");
	box_ask_expect(b, "start\n", "\"state\":\"Running\"");
	box_expect(b, "up");
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	box_expect(b, "term");
	assert_int_equal(box_wait(b, outer), 7);
}

static void start_during_a_stop_waits_for_its_end(void **state)
{
	char first[LAUNCH_ANSWER_MAX], second[LAUNCH_ANSWER_MAX];
	struct box *b = *state;
	pid_t outer;
	int stop, start;

	outer = box_shell(b, DEAF);
	box_expect(b, "up");
	stop = box_connect(b);
	box_send(stop, "stop 1000 0\n");
	box_ask_expect(b, "status\n", "\"state\":\"Stopping\"");
	start = box_connect(b);
	box_send(start, "start\n");
	box_ask_expect(b, "status\n", "\"state\":\"Stopping\"");
	assert_int_equal(kill(b->pid, SIGUSR1), 0);
	box_answer(stop, first, sizeof(first));
	box_answer(start, second, sizeof(second));
	/* Both hear what has become of it. */
	assert_non_null(strstr(first, "\"state\":\"Running\""));
	assert_non_null(strstr(second, "\"starts\":2,"));
	box_expect(b, "up");
	assert_int_equal(kill(b->pid, SIGUSR1), 0);
	assert_int_equal(box_wait(b, outer), 3);
}

static void end_of_the_pod_during_a_stop_ends_the_container(void **state)
{
	char text[LAUNCH_ANSWER_MAX];
	struct box *b = *state;
	pid_t outer;
	int stop;

	outer = box_shell(b, DEAF);
	box_expect(b, "up");
	stop = box_connect(b);
	box_send(stop, "stop 1000 0\n");
	box_ask_expect(b, "status\n", "\"state\":\"Stopping\"");
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	assert_int_equal(kill(b->pid, SIGUSR1), 0);
	box_answer(stop, text, sizeof(text));
	assert_int_equal(box_wait(b, outer), 3);
}

static void stop_that_cannot_be_kept_is_refused(void **state)
{
	struct box *b = *state;
	pid_t outer;
	char path[128];

	outer = box_shell(b, POLITE);
	box_expect(b, "up");
	(void)snprintf(path, sizeof(path), "%s/" LAUNCH_STOP_FILE, b->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	box_ask_expect(b, "stop 1000 0\n", "{\"error\":\"make the stop file /tmp/");
	box_ask_expect(b, "start\n", "{\"error\":\"remove the stop file /tmp/");
	assert_int_equal(rmdir(path), 0);
	box_ask_expect(b, "status\n", "\"state\":\"Running\"");
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	assert_int_equal(box_wait(b, outer), 7);
}

static void bad_clients_hurt_nobody(void **state)
{
	char text[LAUNCH_ANSWER_MAX], large[2 * LAUNCH_LINE_MAX];
	int silent[3 * LAUNCH_CLIENTS_MAX];
	struct box *b = *state;
	pid_t outer;

	outer = box_shell(b, POLITE);
	box_expect(b, "up");
	for (size_t i = 0; i < BW_ARRAY_SIZE(silent); i++)
		silent[i] = box_connect(b);
	box_ask_expect(b, "status\n", "Running");
	for (size_t i = 0; i < BW_ARRAY_SIZE(silent); i++)
		(void)close(silent[i]);
	box_ask_expect(b, "explode\n", "{\"error\":\"unknown request\"}");
	box_ask_expect(b, "stop\n", "{\"error\":\"unknown request\"}");
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	box_ask(b, large, text, sizeof(text));
	assert_string_equal(text, "");
	box_ask_expect(b, "status\n", "Running");
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	assert_int_equal(box_wait(b, outer), 7);
}

static void client_hears_one_line_or_why_not(void **state)
{
	bw_autobuf struct bw_buf answer = { 0 };
	struct bw_err err = { 0 };
	char dir[200];
	struct box *b = *state;
	pid_t outer;

	assert_int_equal(launch_ask(b->dir, "status\n", 30, &answer, &err), -ENOENT);
	memset(dir, 'd', sizeof(dir) - 1);
	dir[sizeof(dir) - 1] = '\0';
	assert_int_equal(launch_ask(dir, "status\n", 30, &answer, &err), -ENAMETOOLONG);
	outer = box_shell(b, DEAF);
	box_expect(b, "up");
	assert_int_equal(launch_ask(b->dir, "status\n", 30, &answer, &err), 0);
	assert_memory_equal(answer.data, "{\"state\":\"Running\"", 18);
	assert_int_equal(answer.data[answer.size - 1], '}');
	/* A stop that takes longer than it is waited for. */
	assert_int_equal(launch_ask(b->dir, "stop 1000 0\n", 1, &answer, &err), -ETIMEDOUT);
	assert_int_equal(kill(b->pid, SIGUSR1), 0);
	assert_int_equal(kill(b->pid, SIGTERM), 0);
	(void)box_wait(b, outer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_of_the_command_becomes_ours),
		box_unit_test(command_that_cannot_run_is_told_by_the_status),
		box_unit_test(signals_are_forwarded),
		box_unit_test(a_mark_says_which_files_there_are),
		box_unit_test(files_have_one_hash_whatever_their_order),
		box_unit_test(a_signal_can_be_asked_for),
		box_unit_test(orphans_are_reaped),
		box_unit_test(stop_keeps_the_container_and_start_runs_the_command_again),
		box_unit_test(who_does_not_listen_is_killed_when_the_grace_is_over),
		box_unit_test(stop_can_name_its_signal),
		box_unit_test(stopped_means_that_nobody_is_left),
		box_unit_test(who_is_left_later_hears_of_the_stop_too),
		box_unit_test(stop_outlives_the_container),
		box_unit_test(start_during_a_stop_waits_for_its_end),
		box_unit_test(end_of_the_pod_during_a_stop_ends_the_container),
		box_unit_test(stop_that_cannot_be_kept_is_refused),
		box_unit_test(bad_clients_hurt_nobody),
		box_unit_test(client_hears_one_line_or_why_not),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}

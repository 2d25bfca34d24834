/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's socket: who is heard, how long a line may be, and that nobody holds up another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/loop.h>

#include "sock.h"

#define STEP_MS 5
#define STEPS_MAX 2000 /* ten seconds: a deadline, not a wait */

struct bed {
	struct bw_loop *loop;
	struct agent_sock *sock;
	struct agent_peer *held; /* a peer whose answer waits */
	unsigned int lines;
	unsigned int gone;
	int hold;
	char last[64];
	char path[64];
};

static struct bed bed;

static void on_line(struct agent_peer *peer, const char *line, size_t size, void *arg)
{
	struct bed *b = arg;

	b->lines++;
	(void)snprintf(b->last, sizeof(b->last), "%.*s", size > 60 ? 60 : (int)size, line);
	if (b->hold) {
		b->held = peer;
		return;
	}
	agent_peer_reply(peer, line, size);
}

static void on_gone(struct agent_peer *peer, void *arg)
{
	struct bed *b = arg;

	assert_ptr_equal(peer, b->held);
	b->held = NULL;
	b->gone++;
}

static const struct agent_sock_ops ops = { .line = on_line, .gone = on_gone };

static int setup(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	bed = (struct bed){ 0 };
	(void)snprintf(bed.path, sizeof(bed.path), "/tmp/bw-agent-sock-%d", (int)getpid());
	assert_int_equal(bw_loop_new(&bed.loop, &err), 0);
	assert_int_equal(agent_sock_open(bed.loop, bed.path, getuid(), &ops, &bed, &bed.sock, &err),
			 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	agent_sock_close(&bed.sock);
	bw_loop_free(&bed.loop);
	return 0;
}

static int dial(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", bed.path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Steps the loop until the peer has something or its end; 0 at the end. */
static ssize_t hear(int fd, char *buf, size_t size)
{
	struct bw_err err = { 0 };

	for (int i = 0; i < STEPS_MAX; i++) {
		ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);

		if (n >= 0)
			return n;
		if (errno == ECONNRESET)
			return 0;
		assert_int_equal(errno, EAGAIN);
		assert_true(bw_loop_step(bed.loop, STEP_MS, INT64_MAX, &err) >= 0);
	}
	fail_msg("no answer in ten seconds");
	return -1;
}

static void expect_line(int fd, const char *want)
{
	char buf[256] = "";
	ssize_t n = hear(fd, buf, sizeof(buf) - 1);

	assert_true(n > 0);
	assert_string_equal(buf, want);
	assert_int_equal(hear(fd, buf, sizeof(buf)), 0); /* then it is closed */
}

static void step_until(const unsigned int *counter, unsigned int want)
{
	struct bw_err err = { 0 };

	for (int i = 0; i < STEPS_MAX && *counter != want; i++)
		assert_true(bw_loop_step(bed.loop, STEP_MS, INT64_MAX, &err) >= 0);
	assert_int_equal(*counter, want);
}

static void a_line_is_answered_and_closed(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "{\"op\":");
	say(fd, "\"status\"}\n");
	expect_line(fd, "{\"op\":\"status\"}\n");
	assert_int_equal(bed.lines, 1);
	assert_int_equal(agent_sock_peers(bed.sock), 0);
	(void)close(fd);
}

static void the_path_is_private_and_replaced_whole(void **state)
{
	struct agent_sock *second = NULL;
	struct bw_err err = { 0 };
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(stat(bed.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(agent_sock_open(bed.loop, bed.path, getuid(), &ops, &bed, &second, &err),
			 0);
	agent_sock_close(&bed.sock); /* the first one's end does not take the second one's path */
	bed.sock = second;
	fd = dial();
	say(fd, "x\n");
	expect_line(fd, "x\n");
	(void)close(fd);
}

static void another_user_is_not_heard(void **state)
{
	struct bw_err err = { 0 };
	char buf[8];
	int fd;

	(void)state;
	agent_sock_close(&bed.sock);
	assert_int_equal(
		agent_sock_open(bed.loop, bed.path, getuid() + 1, &ops, &bed, &bed.sock, &err), 0);
	fd = dial();
	say(fd, "x\n");
	assert_int_equal(hear(fd, buf, sizeof(buf)), 0);
	assert_int_equal(bed.lines, 0);
	assert_int_equal(agent_sock_refused(bed.sock), 1);
	(void)close(fd);
}

static void a_line_without_end_is_refused(void **state)
{
	static char text[AGENT_SOCK_LINE_MAX + 1];
	char buf[8];
	int fd = dial();
	struct bw_err err = { 0 };

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t sent = 0; sent < sizeof(text);) {
		ssize_t n = send(fd, text + sent, sizeof(text) - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN)
			break; /* it has hung up already */
		sent += n > 0 ? (size_t)n : 0;
		assert_true(bw_loop_step(bed.loop, 0, INT64_MAX, &err) >= 0);
	}
	assert_int_equal(hear(fd, buf, sizeof(buf)), 0);
	assert_int_equal(bed.lines, 0);
	assert_int_equal(agent_sock_refused(bed.sock), 1);
	(void)close(fd);
}

static void a_stalled_peer_is_closed_and_holds_up_nobody(void **state)
{
	int slow = dial();
	int fd = dial();
	char buf[8];

	(void)state;
	say(slow, "{");
	say(fd, "x\n");
	expect_line(fd, "x\n");
	assert_int_equal(agent_sock_peers(bed.sock), 1);
	assert_int_equal(hear(slow, buf, sizeof(buf)), 0);
	assert_int_equal(agent_sock_refused(bed.sock), 1);
	(void)close(slow);
	(void)close(fd);
}

static void an_answer_may_come_later(void **state)
{
	int fd = dial();

	(void)state;
	bed.hold = 1;
	say(fd, "later\n");
	step_until(&bed.lines, 1);
	assert_non_null(bed.held);
	agent_peer_reply(bed.held, "now", 3);
	expect_line(fd, "now\n");
	(void)close(fd);
}

static void who_hangs_up_is_forgotten(void **state)
{
	int fd = dial();

	(void)state;
	bed.hold = 1;
	say(fd, "later\n");
	step_until(&bed.lines, 1);
	(void)close(fd);
	step_until(&bed.gone, 1);
	assert_int_equal(agent_sock_peers(bed.sock), 0);
}

static void more_peers_than_there_is_room_for_wait(void **state)
{
	static int fds[AGENT_SOCK_PEERS_MAX + 8];
	char buf[8];
	struct bw_err err = { 0 };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(fds); i++) {
		fds[i] = dial();
		assert_true(bw_loop_step(bed.loop, 0, INT64_MAX, &err) >= 0);
	}
	for (int i = 0; i < 64; i++)
		assert_true(bw_loop_step(bed.loop, 0, INT64_MAX, &err) >= 0);
	assert_int_equal(agent_sock_peers(bed.sock), AGENT_SOCK_PEERS_MAX);
	for (size_t i = 0; i < BW_ARRAY_SIZE(fds); i++) {
		say(fds[i], "x\n");
		assert_true(hear(fds[i], buf, sizeof(buf)) > 0);
		(void)close(fds[i]);
	}
	assert_int_equal(bed.lines, BW_ARRAY_SIZE(fds));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_is_answered_and_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_path_is_private_and_replaced_whole, setup,
						teardown),
		cmocka_unit_test_setup_teardown(another_user_is_not_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_without_end_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stalled_peer_is_closed_and_holds_up_nobody, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_answer_may_come_later, setup, teardown),
		cmocka_unit_test_setup_teardown(who_hangs_up_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(more_peers_than_there_is_room_for_wait, setup,
						teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* barewire-launch's probes, and what it reads: requests, addresses, answers, /proc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include <bw/clock.h>

#include "box.h"

/* In a child: a probe's command takes its process's place. What it prints is not looked at. */
static int run_probe(const struct box *b, const char *const *words)
{
	char *argv[8] = { NULL };
	int status = 0;
	pid_t pid;

	for (size_t i = 0; words[i]; i++)
		argv[i] = strdup(words[i]);
	pid = fork();
	if (pid == 0)
		_exit(launch_probe(&b->o, b->dir, argv));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (size_t i = 0; i < BW_ARRAY_SIZE(argv); i++)
		free(argv[i]);
	return WEXITSTATUS(status);
}
#define probe(b, ...) run_probe((b), (const char *const[]){ __VA_ARGS__, NULL })

static void write_file(const struct box *b, const char *name, const char *text)
{
	char path[128];
	bw_autoclose int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void stopped_on_purpose_is_alive_and_not_ready(void **state)
{
	struct box *b = *state;

	assert_int_equal(probe(b, "readiness"), 0);
	assert_int_equal(probe(b, "readiness", "--", "true"), 0);
	assert_int_equal(probe(b, "readiness", "--", "false"), 1);
	assert_int_equal(probe(b, "liveness", "--", "sh", "-c", "exit 9"), 9);
	assert_int_equal(probe(b, "startup", "--", "/nonexistent"), LAUNCH_NOT_FOUND);
	write_file(b, LAUNCH_STOP_FILE, "");
	assert_int_equal(probe(b, "readiness", "--", "true"), 1);
	assert_int_equal(probe(b, "liveness", "--", "false"), 0);
	assert_int_equal(probe(b, "startup", "--", "false"), 0);
	assert_int_equal(probe(b, "other", "--", "true"), LAUNCH_USAGE);
}

static void fresh_start_is_alive_for_its_grace(void **state)
{
	unsigned long long now = bw_clock_boot_ns() / 1000000000ULL;
	struct box *b = *state;
	char text[32];

	b->o.start_grace_s = 5000;
	/* Nothing was started. */
	assert_int_equal(probe(b, "liveness", "--", "false"), 1);
	(void)snprintf(text, sizeof(text), "%llu\n", now);
	write_file(b, LAUNCH_START_FILE, text);
	assert_int_equal(probe(b, "liveness", "--", "false"), 0);
	assert_int_equal(probe(b, "readiness", "--", "false"), 1);
	assert_int_equal(probe(b, "startup", "--", "false"), 1);
	b->o.start_grace_s = 0;
	assert_int_equal(probe(b, "liveness", "--", "false"), 1);
	/* Of a former boot, or no number. */
	b->o.start_grace_s = 5000;
	(void)snprintf(text, sizeof(text), "%llu\n", now + 100000);
	write_file(b, LAUNCH_START_FILE, text);
	assert_int_equal(probe(b, "liveness", "--", "false"), 1);
}

static int listen_on(const char *host, int *ret_port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	int is_six = inet_pton(AF_INET6, host, &six.sin6_addr) == 1;
	struct sockaddr *a = is_six ? (void *)&six : (void *)&four;
	socklen_t len = is_six ? sizeof(six) : sizeof(four);
	int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!is_six)
		assert_int_equal(inet_pton(AF_INET, host, &four.sin_addr), 1);
	assert_true(fd >= 0);
	if (bind(fd, a, len) < 0 || listen(fd, 4) < 0 || getsockname(fd, a, &len) < 0) {
		(void)close(fd);
		return -1;
	}
	*ret_port = ntohs(is_six ? six.sin6_port : four.sin_port);
	return fd;
}

static void tcp_probe_connects(void **state)
{
	static const char *const hosts[][2] = { { "127.0.0.1", "127.0.0.1" },
						{ "127.0.0.1", "localhost" },
						{ "::1", "[::1]" } };
	struct box *b = *state;
	char to[64];

	b->o.seconds = 30;
	for (size_t i = 0; i < BW_ARRAY_SIZE(hosts); i++) {
		int port = 0;
		int fd = listen_on(hosts[i][0], &port);

		/* A machine without IPv6. */
		if (fd < 0)
			continue;
		(void)snprintf(to, sizeof(to), "%s:%d", hosts[i][1], port);
		assert_int_equal(probe(b, "readiness", "tcp", to), 0);
		(void)close(fd);
		assert_int_equal(probe(b, "readiness", "tcp", to), LAUNCH_FAILED);
	}
	assert_int_equal(probe(b, "readiness", "tcp", "name:1"), LAUNCH_FAILED);
	assert_int_equal(probe(b, "readiness", "tcp", "127.0.0.1"), LAUNCH_USAGE);
	assert_int_equal(probe(b, "readiness", "tcp"), LAUNCH_USAGE);
	assert_int_equal(probe(b, "readiness", "udp", "127.0.0.1:1"), LAUNCH_USAGE);
}

/* Answers one request; its text comes back through @seen. */
static int http_once(struct box *b, const char *answer, char *seen, size_t size)
{
	char url[64];
	int port = 0, status = 0;
	int fd = listen_on("127.0.0.1", &port);
	char word[] = "liveness", http[] = "http";
	char *argv[] = { word, http, url, NULL };
	size_t n = 0;
	pid_t pid;
	int c;

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/health?a=b", port);
	pid = fork();
	if (pid == 0)
		_exit(launch_probe(&b->o, b->dir, argv));
	c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(c >= 0);
	while (n < size - 1 && !(n >= 4 && memcmp(seen + n - 4, "\r\n\r\n", 4) == 0))
		if (read(c, seen + n, 1) == 1)
			n++;
		else
			break;
	seen[n] = '\0';
	assert_int_equal(write(c, answer, strlen(answer)), strlen(answer));
	(void)close(c);
	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void http_probe_wants_a_status_below_400(void **state)
{
	static const struct {
		const char *answer;
		int status;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\n\r\n", 0 },
		{ "HTTP/1.0 204\r\n\r\n", 0 },
		{ "HTTP/1.1 399 Odd\r\n\r\nbody", 0 },
		{ "HTTP/1.1 400 Bad\r\n\r\n", LAUNCH_FAILED },
		{ "HTTP/1.1 503 Away\r\n\r\n", LAUNCH_FAILED },
		{ "HTTP/1.1 100 Continue\r\n\r\n", LAUNCH_FAILED },
		{ "HTTP/2 200\r\n", LAUNCH_FAILED },
		{ "-ERR unknown command\r\n", LAUNCH_FAILED },
		{ "", LAUNCH_FAILED },
	};
	char seen[512];
	struct box *b = *state;

	b->o.seconds = 30;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++)
		assert_int_equal(http_once(b, cases[i].answer, seen, sizeof(seen)),
				 cases[i].status);
	assert_memory_equal(seen, "GET /health?a=b HTTP/1.1\r\n", 26);
	assert_non_null(strstr(seen, "\r\nHost: 127.0.0.1:"));
	b->o.headers[b->o.n_headers++] = "Host: db.example";
	b->o.headers[b->o.n_headers++] = "X-Key: v";
	assert_int_equal(http_once(b, cases[0].answer, seen, sizeof(seen)), 0);
	assert_non_null(strstr(seen, "\r\nHost: db.example\r\nX-Key: v\r\n"));
	assert_null(strstr(seen, "127.0.0.1"));
}

static void targets_are_read(void **state)
{
	static const struct {
		const char *text;
		int is_url;
		const char *host;
		uint16_t port;
		const char *path;
	} good[] = {
		{ "10.99.2.77:6379", 0, "10.99.2.77", 6379, "/" },
		{ "[fd00::7]:65535", 0, "fd00::7", 65535, "/" },
		{ "localhost:1", 0, "127.0.0.1", 1, "/" },
		{ ":6379", 0, "10.99.2.78", 6379, "/" },
		{ "http://:8080/x", 1, "10.99.2.78", 8080, "/x" },
		{ "http://10.99.2.77", 1, "10.99.2.77", 80, "/" },
		{ "http://[fd00::7]/x", 1, "fd00::7", 80, "/x" },
		{ "http://10.99.2.77:8080/a/b?c=d", 1, "10.99.2.77", 8080, "/a/b?c=d" },
	};
	static const struct {
		const char *text;
		int is_url;
	} bad[] = { { "10.99.2.77", 0 },       { "10.99.2.77:0", 0 }, { "10.99.2.77:65536", 0 },
		    { "10.99.2.77:x", 0 },     { "10.99.2.77:", 0 },  { "https://a", 1 },
		    { "ftp://a", 1 },          { "http://a:-1/", 1 }, { "http://a/b c", 1 },
		    { "http://a/\r\nX: y", 1 } };
	struct launch_target t;

	(void)state;
	assert_int_equal(setenv("POD_IP", "10.99.2.78", 1), 0);
	for (size_t i = 0; i < BW_ARRAY_SIZE(good); i++) {
		assert_int_equal(launch_target_parse(good[i].text, good[i].is_url, &t, NULL), 0);
		assert_string_equal(t.host, good[i].host);
		assert_string_equal(t.path, good[i].path);
		assert_int_equal(t.port, good[i].port);
	}
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++)
		assert_int_equal(launch_target_parse(bad[i].text, bad[i].is_url, &t, NULL),
				 -EINVAL);
	assert_int_equal(unsetenv("POD_IP"), 0);
	assert_int_equal(launch_target_parse(":1", 0, &t, NULL), 0);
	assert_string_equal(t.host, "127.0.0.1");
}

static void requests_are_read(void **state)
{
	static const char *const bad[] = { "",           "stop",      "stop ",     "stop 1",
					   "stop 1 x",   "stop -1 1", "stop 1 65", "stop 86401 1",
					   "stop 1 1 1", "stop 1 1x", "statu",     "status ",
					   "signal ",    "signal 0",  "signal 65", "signal 1 1" };
	struct launch_request q;

	(void)state;
	assert_int_equal(launch_request_parse("status", &q, NULL), 0);
	assert_int_equal(q.verb, LAUNCH_VERB_STATUS);
	assert_int_equal(launch_request_parse("start", &q, NULL), 0);
	assert_int_equal(q.verb, LAUNCH_VERB_START);
	assert_int_equal(launch_request_parse("stop 86400 64", &q, NULL), 0);
	assert_int_equal(q.verb, LAUNCH_VERB_STOP);
	assert_int_equal(q.seconds, 86400);
	assert_int_equal(q.signo, 64);
	assert_int_equal(launch_request_parse("signal 1", &q, NULL), 0);
	assert_int_equal(q.verb, LAUNCH_VERB_SIGNAL);
	assert_int_equal(q.signo, 1);
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++)
		assert_int_equal(launch_request_parse(bad[i], &q, NULL), -EINVAL);
}

static void signals_and_parents_are_read(void **state)
{
	static const struct {
		const char *line;
		pid_t parent;
	} stats[] = {
		{ "12 (sh) S 7 12 12 0", 7 },
		{ "12 (a) b) S 1 (x", 1 },
		{ "12 (a) S 5) R 6 12", 6 },
		{ "12 (sh) S", -1 },
		{ "", -1 },
		{ "12 (sh) S -1 0", -1 },
		{ "12 (sh) S 99999999999999 0", -1 },
		{ "12 (sh) S 7", -1 },
	};
	static const struct {
		const char *name;
		int signo;
	} names[] = { { "TERM", SIGTERM },  { "SIGQUIT", SIGQUIT },
		      { "sigint", SIGINT }, { "15", 15 },
		      { "64", 64 },         { "65", 0 },
		      { "0", 0 },           { "", 0 },
		      { "TERMX", 0 },       { "9x", 0 },
		      { "-1", 0 } };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(stats); i++)
		assert_int_equal(launch_stat_parent(stats[i].line), stats[i].parent);
	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++)
		assert_int_equal(launch_signal_number(names[i].name), names[i].signo);
	assert_string_equal(launch_state_str(LAUNCH_STOPPING), "Stopping");
	assert_string_equal(launch_state_str(LAUNCH_STATE_MAX_), "unknown");
	assert_int_equal(launch_exit_status(0x7f00), 127);
	assert_int_equal(launch_exit_status(SIGSEGV), 139);
}

static void program_copies_itself(void **state)
{
	struct bw_err err = { 0 };
	char path[128], nowhere[160];
	struct stat a, c;
	struct box *b = *state;

	(void)snprintf(path, sizeof(path), "%s/file", b->dir);
	assert_int_equal(launch_install(path, &err), 0);
	/* Over one that runs. */
	assert_int_equal(launch_install(path, &err), 0);
	assert_int_equal(stat(path, &a), 0);
	assert_int_equal(stat("/proc/self/exe", &c), 0);
	assert_int_equal(a.st_size, c.st_size);
	assert_int_equal(a.st_mode & 07777, 0755);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(launch_install(b->dir, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/barewire-launch", b->dir);
	assert_int_equal(access(path, X_OK), 0);
	(void)snprintf(nowhere, sizeof(nowhere), "%s/no/file", b->dir);
	assert_int_equal(launch_install(nowhere, &err), -ENOENT);
	assert_int_equal(unlink(path), 0);
}

static void folder_knows_its_pod(void **state)
{
	struct bw_err err = { 0 };
	char path[128];
	struct box *b = *state;

	/* As an older version leaves it. */
	assert_int_equal(launch_pod_is(b->dir, "u-1", &err), 1);
	assert_int_equal(setenv(LAUNCH_POD_ENV, "u-1", 1), 0);
	assert_int_equal(launch_install(b->dir, &err), 0);
	assert_int_equal(unsetenv(LAUNCH_POD_ENV), 0);
	assert_int_equal(launch_pod_is(b->dir, "u-1", &err), 1);
	assert_int_equal(launch_pod_is(b->dir, "u-12", &err), 0);
	assert_int_equal(launch_pod_is(b->dir, "", &err), 0);
	assert_int_equal(launch_pod_note(b->dir, "u-2", &err), 0);
	assert_int_equal(launch_pod_is(b->dir, "u-1", &err), 0);
	assert_int_equal(launch_pod_note("/nonexistent", "u-2", &err), -ENOENT);
	(void)snprintf(path, sizeof(path), "%s/" LAUNCH_POD_FILE, b->dir);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/barewire-launch", b->dir);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		box_unit_test(stopped_on_purpose_is_alive_and_not_ready),
		box_unit_test(fresh_start_is_alive_for_its_grace),
		box_unit_test(tcp_probe_connects),
		box_unit_test(http_probe_wants_a_status_below_400),
		cmocka_unit_test(targets_are_read),
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(signals_and_parents_are_read),
		box_unit_test(program_copies_itself),
		box_unit_test(folder_knows_its_pod),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}

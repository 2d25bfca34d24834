/* SPDX-License-Identifier: Apache-2.0 */
/* The page over a real socket on loopback: addresses, headers, streams, and who does not listen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "../../page/feed.h"
#include "stream.h"

#define DEADLINE_S 60
#define HOST "Host: localhost:1\r\n"

static char answer[1U << 20];

struct bed {
	struct feed feed;
	struct page *page;
};

static int64_t now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static int start(struct bed *b, unsigned int idle_s)
{
	struct page_options o;

	assert_int_equal(bw_loop_new(&b->feed.loop, NULL), 0);
	assert_int_equal(feed_init(&b->feed, NULL), 0);
	assert_int_equal(feed_wait(&b->feed), 0);
	o = feed_options(&b->feed);
	o.idle_s = idle_s;
	assert_int_equal(page_new(&o, &b->page, NULL), 0);
	feed_sync(&b->feed);
	return 0;
}

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	*state = b;
	return start(b, 0);
}

static int setup_impatient(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	*state = b;
	return start(b, 1);
}

static int teardown(void **state)
{
	struct bed *b = *state;

	page_free(&b->page);
	feed_done(&b->feed);
	free(b);
	return 0;
}

static int dial(const struct bed *b, const char *request)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)page_port(b->page)),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	return fd;
}

/* Reads on until @what has come (1), or the end (0). */
static int read_until(struct bed *b, int fd, const char *what)
{
	int64_t end = now_s() + DEADLINE_S;
	size_t size = 0;

	answer[0] = '\0';
	while (now_s() < end && size < sizeof(answer) - 1) {
		ssize_t n = recv(fd, answer + size, sizeof(answer) - size - 1, MSG_DONTWAIT);

		size += n > 0 ? (size_t)n : 0;
		answer[size] = '\0';
		if (what && strstr(answer, what))
			return 1;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return 0;
		assert_true(bw_loop_step(b->feed.loop, 10, INT64_MAX, NULL) >= 0);
	}
	fail_msg("neither \"%s\" nor the end has come: %s", what ? what : "", answer);
	return -1;
}

static const char *ask(struct bed *b, const char *method, const char *path, const char *headers)
{
	bw_autoclose int fd = -1;
	char request[4096];

	(void)snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\n%sConnection: close\r\n\r\n",
		       method, path, headers);
	fd = dial(b, request);
	assert_int_equal(read_until(b, fd, NULL), 0);
	return answer;
}

static void put_unit(struct bed *b, const char *type, const char *name, const char *task)
{
	char text[2048];

	(void)snprintf(text, sizeof(text),
		       "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"%s\",\"uid\":\"u\","
		       "\"resourceVersion\":\"%u\"},\"spec\":{\"networking\":{\"network\":\"lan\"},"
		       "\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\"}]}}},\"status\":{"
		       "\"phase\":\"Ready\",\"nodeName\":\"node-1\",\"task\":\"%s\"}}",
		       name, 2000000 + b->feed.rv++, task);
	assert_int_equal(feed_event(&b->feed, "units", type, text), 0);
}

static void requests_are_answered_by_their_path(void **state)
{
	static const struct {
		const char *method;
		const char *path;
		const char *headers;
		const char *status;
		const char *has;
	} cases[] = {
		{ "GET", "/", HOST, "200", "<h2 id=\"h-units\">Units by node</h2>" },
		{ "HEAD", "/", HOST, "200", "Content-Type: text/html" },
		{ "GET", "/?node=node-1&namespace=x&page=2", HOST, "200", "Node node-1" },
		{ "GET", "/?page=x", HOST, "400", "no such name" },
		{ "GET", "/?node=%3Cscript%3E", HOST, "400", "no such name" },
		{ "GET", "/page.css", HOST, "200", "Content-Type: text/css" },
		{ "GET", "/page.js", HOST, "200", "Content-Type: text/javascript" },
		{ "GET", "/icon.svg", HOST, "200", "<svg" },
		{ "GET", "/metrics", HOST, "404", "no such page" },
		{ "GET", "/../etc/passwd", HOST, "404", "no such page" },
		{ "GET", "/page.css/", HOST, "404", "no such page" },
		{ "POST", "/", HOST, "405", "Allow: GET, HEAD" },
		{ "DELETE", "/events", HOST, "405", "Allow: GET, HEAD" },
		{ "OPTIONS", "/", HOST, "405", "Allow: GET, HEAD" },
		{ "HEAD", "/events", HOST, "200", "HTTP" },
		{ "GET", "/", "Host: evil.example\r\n", "421", "localhost" },
		{ "GET", "/events", "Host: 127.0.0.1.evil.example\r\n", "421", "localhost" },
		{ "GET", "/", "Host: 127.0.0.1:9672x\r\n", "421", "localhost" },
		{ "GET", "/", "Host: 127.0.0.1\r\n", "200", "Units by node" },
		{ "GET", "/", "Host: [::1]:40000\r\n", "200", "Units by node" },
		{ "GET", "/", "Host: LOCALHOST:80\r\n", "200", "Units by node" },
	};
	struct bed *b = *state;

	put_unit(b, "ADDED", "redis-0", "");
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		char status[32];

		(void)ask(b, cases[i].method, cases[i].path, cases[i].headers);
		(void)snprintf(status, sizeof(status), "HTTP/1.1 %s ", cases[i].status);
		if (strncmp(answer, status, strlen(status)) != 0 || !strstr(answer, cases[i].has))
			fail_msg("%s %s: %s", cases[i].method, cases[i].path, answer);
		assert_non_null(strstr(answer, "Content-Security-Policy: default-src 'self';"));
		assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
		assert_non_null(strstr(answer, "Referrer-Policy: no-referrer\r\n"));
		assert_non_null(strstr(answer, "Cache-Control: no-"));
		assert_null(strstr(answer, "style=\""));
	}
	assert_int_equal(b->feed.asked, 0); /* nothing was read of the server */
}

static void a_request_without_a_host_is_refused(void **state)
{
	struct bed *b = *state;

	(void)ask(b, "GET", "/", "");
	assert_null(strstr(answer, "200 OK"));
}

static void what_has_not_changed_is_not_sent_again(void **state)
{
	struct bed *b = *state;
	char header[128];
	char *etag;

	(void)ask(b, "GET", "/page.css", HOST);
	etag = strstr(answer, "ETag: ");
	assert_non_null(etag);
	(void)snprintf(header, sizeof(header), HOST "If-None-Match: %.18s\r\n", etag + 6);
	assert_non_null(strstr(ask(b, "GET", "/page.css", header), "HTTP/1.1 304 "));
	assert_null(strstr(answer, "color-scheme"));
	assert_non_null(strstr(ask(b, "GET", "/page.css", HOST "If-None-Match: \"0\"\r\n"),
			       "HTTP/1.1 200 "));
}

static void a_stream_brings_what_changes(void **state)
{
	struct bed *b = *state;
	bw_autoclose int fd = dial(b, "GET /events HTTP/1.1\r\n" HOST "\r\n");
	bw_autoclose int again = -1;
	char request[256];
	char *id;

	assert_int_equal(read_until(b, fd, "part-pools"), 1); /* who has seen nothing gets all */
	assert_non_null(strstr(answer, "Content-Type: text/event-stream"));
	assert_non_null(strstr(answer, "retry: 3000"));
	put_unit(b, "ADDED", "redis-0", "first");
	assert_int_equal(read_until(b, fd, "first"), 1);
	assert_non_null(strstr(answer, "data: <section id=\"part-units\""));
	put_unit(b, "MODIFIED", "redis-0", "second");
	assert_int_equal(read_until(b, fd, "second"), 1);
	assert_non_null(strstr(answer, "data: <tr id=\"u"));
	assert_null(strstr(answer, "part-units"));
	id = strstr(answer, "id: ");
	assert_non_null(id);
	/* Who comes again and has seen it is told only what comes after. */
	(void)snprintf(request, sizeof(request),
		       "GET /events HTTP/1.1\r\n" HOST "Last-Event-ID: %.*s\r\n\r\n",
		       (int)strcspn(id + 4, "\n"), id + 4);
	again = dial(b, request);
	assert_int_equal(read_until(b, again, "retry: 3000"), 1);
	put_unit(b, "MODIFIED", "redis-0", "third");
	assert_int_equal(read_until(b, again, "third"), 1);
	assert_null(strstr(answer, "second"));
	assert_null(strstr(answer, "part-sums"));
}

static void so_many_streams_and_no_more(void **state)
{
	struct bed *b = *state;
	int fds[PAGE_STREAMS_MAX];

	for (size_t i = 0; i < PAGE_STREAMS_MAX; i++) {
		fds[i] = dial(b, "GET /events HTTP/1.1\r\n" HOST "\r\n");
		assert_int_equal(read_until(b, fds[i], "part-pools"), 1);
	}
	assert_non_null(strstr(ask(b, "GET", "/events", HOST), "HTTP/1.1 503 "));
	assert_non_null(strstr(answer, "Retry-After: 15"));
	assert_non_null(strstr(ask(b, "GET", "/", HOST), "HTTP/1.1 200 "));
	for (size_t i = 0; i < PAGE_STREAMS_MAX; i++)
		(void)close(fds[i]);
}

/* It never reads: what it has not taken is all that is held, and in the end it is closed. */
static void who_does_not_listen_is_left(void **state)
{
	struct bed *b = *state;
	bw_autoclose int fd = dial(b, "GET /events HTTP/1.1\r\n" HOST "\r\n");
	int64_t end = now_s() + DEADLINE_S;
	char task[512];
	char one;

	memset(task, '&', sizeof(task) - 1);
	task[sizeof(task) - 1] = '\0';
	for (int i = 0; i < 190; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "u-%d", i);
		put_unit(b, "ADDED", name, task);
	}
	for (unsigned int round = 0; now_s() < end; round++) {
		char t[600];

		(void)snprintf(t, sizeof(t), "%u%s", round, task);
		for (int i = 0; i < 190; i++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "u-%d", i);
			put_unit(b, "MODIFIED", name, t);
		}
		for (int i = 0; i < 50; i++)
			assert_true(bw_loop_step(b->feed.loop, 10, INT64_MAX, NULL) >= 0);
		/* An error on our side: the server has closed while its bytes wait here. */
		if (send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
			break;
	}
	assert_true(now_s() < end);
	(void)recv(fd, &one, 1, MSG_DONTWAIT);
	assert_non_null(strstr(ask(b, "GET", "/", HOST), "HTTP/1.1 200 "));
}

static void where_it_may_be_served(void **state)
{
	static const struct {
		const char *address;
		const char *cert;
		const char *key;
		int r;
		const char *on; /* NULL = no page */
		const char *says;
	} cases[] = {
		{ NULL, NULL, NULL, 0, PAGE_ADDRESS, "" },
		{ "", NULL, NULL, 0, NULL, "" },
		{ "0", NULL, NULL, 0, NULL, "" },
		{ "127.0.0.2:80", NULL, NULL, 0, "127.0.0.2:80", "" },
		{ "[::1]:80", NULL, NULL, 0, "[::1]:80", "" },
		{ "0.0.0.0:80", NULL, NULL, -EINVAL, NULL, "--page-tls-cert" },
		{ ":80", NULL, NULL, -EINVAL, NULL, "--page-tls-cert" },
		{ "[::]:80", NULL, NULL, -EINVAL, NULL, "--page-tls-cert" },
		{ "10.0.0.1:80", "c", NULL, -EINVAL, NULL, "belong together" },
		{ "127.0.0.1:80", NULL, "k", -EINVAL, NULL, "belong together" },
		{ "10.0.0.1:80", "c", "k", 0, "10.0.0.1:80", "" },
		{ "localhost:80", NULL, NULL, -EINVAL, NULL, "--page-address" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct bw_err err = { 0 };
		const char *on = NULL;

		assert_int_equal(
			page_check(cases[i].address, cases[i].cert, cases[i].key, &on, &err),
			cases[i].r);
		assert_non_null(strstr(err.msg, cases[i].says));
		if (cases[i].on)
			assert_string_equal(on, cases[i].on);
		else
			assert_null(on);
	}
}

static int has_loopback(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	bw_autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests_are_answered_by_their_path, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_request_without_a_host_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_has_not_changed_is_not_sent_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_stream_brings_what_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(so_many_streams_and_no_more, setup, teardown),
		cmocka_unit_test_setup_teardown(who_does_not_listen_is_left, setup_impatient,
						teardown),
		cmocka_unit_test(where_it_may_be_served),
	};

	if (unshare(CLONE_NEWNET) < 0 || !has_loopback()) {
		(void)puts("1..0 # SKIP no network namespace of its own");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands in containers against a WebSocket server that is not ours (tests/fake/exec_server.py),
 * over plain HTTP and over TLS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <bw/io.h>
#include <bw/kube_podexec.h>

#include "fakeserver.h"

static char dir[] = "/tmp/bw-podexec-XXXXXX";
static struct fake plain, secure;

struct run {
	struct bw_kube_podexec x;
	struct bw_kube_podexec_answer a;
	char message[1024];
	char reason[64];
	struct bw_buf out, errout;
	int over;
	struct bw_buf streamed;
	int writable;
	int cancel_at_data;
};

static void on_done(const struct bw_kube_podexec_answer *a, void *arg)
{
	struct run *r = arg;

	assert_false(r->over);
	r->over = 1;
	r->a = *a;
	(void)snprintf(r->message, sizeof(r->message), "%s", a->message ? a->message : "");
	(void)snprintf(r->reason, sizeof(r->reason), "%s", a->reason);
	assert_int_equal(bw_buf_append(&r->out, a->out, a->out_size), 0);
	assert_int_equal(bw_buf_append(&r->errout, a->errout, a->errout_size), 0);
}

static void on_data(int fd, const char *data, size_t size, void *arg)
{
	struct run *r = arg;

	assert_int_equal(bw_buf_printf(&r->streamed, "%d:%.*s|", fd, (int)size, data), 0);
	if (r->cancel_at_data)
		bw_kube_podexec_cancel(&r->x);
}

static void on_writable(void *arg)
{
	struct run *r = arg;

	r->writable++;
}

static void run_done(struct run *r)
{
	bw_kube_podexec_cancel(&r->x);
	bw_buf_done(&r->out);
	bw_buf_done(&r->errout);
	bw_buf_done(&r->streamed);
}
#define bw_autorun BW_CLEANUP(run_done)

static void turn_until(struct fake *f, const int *what)
{
	int64_t end = bw_loop_now_ns(f->loop) + 2 * FAKE_WAIT_MS * MS;

	while (!*what && bw_loop_now_ns(f->loop) < end)
		assert_true(bw_loop_step(f->loop, 100, INT64_MAX, NULL) >= 0);
	assert_true(*what);
}

static void begin_it(struct fake *f, struct run *r, struct bw_kube_podexec_request q)
{
	struct bw_err err = { 0 };

	r->x.done = on_done;
	r->x.writable = on_writable;
	r->x.arg = r;
	q.namespace = "db";
	if (!q.pod)
		q.pod = "redis-0";
	if (!q.timeout_ms)
		q.timeout_ms = 60000;
	if (bw_kube_podexec_start(f->client, &q, &r->x, &err) < 0)
		fail_msg("%s", err.msg);
	assert_false(r->over);
}

static void run_it(struct fake *f, struct run *r, struct bw_kube_podexec_request q)
{
	begin_it(f, r, q);
	turn_until(f, &r->over);
	assert_null(r->x.client);
}
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define run(f, r, ...) run_it((f), (r), (struct bw_kube_podexec_request){ __VA_ARGS__ })
#define begin(f, r, ...) begin_it((f), (r), (struct bw_kube_podexec_request){ __VA_ARGS__ })

static void command_has_output_and_status(void **state)
{
	struct fake *servers[] = { &plain, &secure };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(servers); i++) {
		bw_autorun struct run r = { 0 };
		bw_autorun struct run e = { 0 };

		run(servers[i], &r, .argv = WORDS("echo", "a b", "c"));
		if (r.a.result != BW_KUBE_OK)
			print_message("%s\n", r.message);
		assert_int_equal(r.a.result, BW_KUBE_OK);
		assert_int_equal(r.a.exit_code, 0);
		assert_string_equal(r.out.data, "a b c\n");
		assert_string_equal(r.errout.data, "warned\n");
		assert_false(r.a.cut);
		run(servers[i], &e, .argv = WORDS("exit", "137"));
		assert_int_equal(e.a.result, BW_KUBE_OK);
		assert_int_equal(e.a.exit_code, 137);
		assert_string_equal(e.message, "command terminated with exit code 137");
	}
}

static void token_goes_over_tls_alone(void **state)
{
	bw_autorun struct run r = { 0 };
	bw_autorun struct run s = { 0 };
	bw_autofree char *first = NULL;
	bw_autofree char *second = NULL;

	(void)state;
	/* What the tests before have asked for. */
	while ((first = fake_line(&plain, 0)))
		free(first);
	while ((first = fake_line(&secure, 0)))
		free(first);
	run(&plain, &r, .argv = WORDS("echo"));
	first = fake_line(&plain, FAKE_WAIT_MS);
	assert_non_null(strstr(first, "\"authorization\": \"\""));
	assert_non_null(strstr(first, "\"protocols\": \"v5.channel.k8s.io, v4.channel.k8s.io\""));
	run(&secure, &s, .argv = WORDS("echo"));
	second = fake_line(&secure, FAKE_WAIT_MS);
	assert_non_null(strstr(second, "\"authorization\": \"Bearer old\""));
}

static void input_is_sent_and_ended(void **state)
{
	static char large[BW_KUBE_PODEXEC_INPUT_MAX];
	struct fake *servers[] = { &plain, &secure };

	(void)state;
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 31 >> 3);
	for (size_t i = 0; i < BW_ARRAY_SIZE(servers); i++) {
		bw_autorun struct run r = { 0 };
		bw_autorun struct run none = { 0 };

		run(servers[i], &r, .argv = WORDS("cat"), .input = large,
		    .input_size = sizeof(large));
		assert_int_equal(r.a.result, BW_KUBE_OK);
		assert_int_equal(r.out.size, sizeof(large));
		assert_memory_equal(r.out.data, large, sizeof(large));
		assert_string_equal(r.errout.data, "1048576 bytes");
		run(servers[i], &none, .argv = WORDS("cat"), .input = "");
		assert_string_equal(none.errout.data, "0 bytes");
	}
}

static void input_can_come_later(void **state)
{
	static char large[BW_KUBE_PODEXEC_INPUT_MAX];
	bw_autorun struct run r = { .x = { .data = on_data } };

	(void)state;
	begin(&secure, &r, .argv = WORDS("cat"), .flags = BW_KUBE_PODEXEC_F_STDIN);
	assert_int_equal(bw_kube_podexec_send(&r.x, "early", 5), -EAGAIN);
	turn_until(&secure, &r.writable);
	assert_int_equal(bw_kube_podexec_send(&r.x, "one", 3), 0);
	turn_until(&secure, (const int *)&r.streamed.size);
	assert_string_equal(r.streamed.data, "1:one|");
	assert_int_equal(bw_kube_podexec_resize(&r.x, 80, 25), 0);
	/* More than waits is refused, and told when it may come. */
	assert_int_equal(bw_kube_podexec_send(&r.x, large, sizeof(large) + 1), -EAGAIN);
	assert_int_equal(bw_kube_podexec_send_end(&r.x), 0);
	assert_int_equal(bw_kube_podexec_send_end(&r.x), -EPIPE);
	assert_int_equal(bw_kube_podexec_send(&r.x, "x", 1), -EPIPE);
	turn_until(&secure, &r.over);
	assert_int_equal(r.a.result, BW_KUBE_OK);
	/* The size went as a message of its own. */
	assert_non_null(strstr(r.streamed.data, "2:{\"Width\":80,\"Height\":25}|"));
	assert_int_equal(r.out.size, 0);
	assert_int_equal(bw_kube_podexec_send(&r.x, "x", 1), -EPIPE);
}

static void older_server_speaks_v4(void **state)
{
	bw_autorun struct run r = { 0 };
	bw_autorun struct run in = { 0 };
	bw_autorun struct run none = { 0 };

	(void)state;
	run(&plain, &r, .pod = "old", .argv = WORDS("echo", "v4"));
	assert_int_equal(r.a.result, BW_KUBE_OK);
	assert_string_equal(r.out.data, "v4\n");
	run(&plain, &in, .pod = "old", .argv = WORDS("cat"), .input = "x", .input_size = 1);
	assert_int_equal(in.a.result, BW_KUBE_UNKNOWN);
	assert_non_null(strstr(in.message, "cannot end a command's standard input"));
	run(&plain, &none, .pod = "none", .argv = WORDS("echo"));
	assert_int_equal(none.a.result, BW_KUBE_UNKNOWN);
	assert_non_null(strstr(none.message, "none of the protocols that were offered"));
}

static void fragments_and_pings_are_taken(void **state)
{
	bw_autorun struct run r = { 0 };

	(void)state;
	run(&secure, &r, .argv = WORDS("pieces"));
	assert_int_equal(r.a.result, BW_KUBE_OK);
	assert_string_equal(r.out.data, "fragments joined");
}

static void output_is_bounded_and_streams(void **state)
{
	bw_autorun struct run r = { 0 };
	bw_autorun struct run most = { 0 };
	bw_autorun struct run huge = { 0 };

	(void)state;
	run(&secure, &r, .argv = WORDS("big", "200"), .output_max = 100000);
	assert_int_equal(r.a.result, BW_KUBE_OK);
	assert_int_equal(r.out.size, 100000);
	assert_true(r.a.cut);
	run(&secure, &most, .argv = WORDS("largest"), .output_max = BW_KUBE_PODEXEC_OUTPUT_MAX);
	assert_int_equal(most.a.result, BW_KUBE_OK);
	assert_int_equal(most.out.size, (16 << 20) - 1);
	assert_false(most.a.cut);
	run(&plain, &huge, .argv = WORDS("huge"));
	assert_int_equal(huge.a.result, BW_KUBE_UNKNOWN);
	assert_string_equal(huge.message, "the server sends a message of more than 16777216 bytes");
}

static void refusals_become_results(void **state)
{
	static const struct {
		const char *pod;
		enum bw_kube_result result;
		int http;
		const char *reason;
		const char *message;
	} cases[] = {
		{ "missing", BW_KUBE_NOT_FOUND, 404, "NotFound", "pods \"missing\" not found" },
		{ "forbidden", BW_KUBE_FORBIDDEN, 403, "Forbidden",
		  "cannot create resource pods/exec" },
		{ "expired", BW_KUBE_UNAUTHORIZED, 401, "Unauthorized", "Unauthorized" },
		{ "plain", BW_KUBE_UNKNOWN, 200, "", "the API server answered with HTTP 200" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		bw_autorun struct run r = { 0 };

		run(&plain, &r, .pod = cases[i].pod, .argv = WORDS("echo"));
		assert_int_equal(r.a.result, cases[i].result);
		assert_int_equal(r.a.http, cases[i].http);
		assert_int_equal(r.a.exit_code, -1);
		assert_string_equal(r.reason, cases[i].reason);
		assert_string_equal(r.message, cases[i].message);
	}
}

static void new_token_is_tried_once(void **state)
{
	bw_autofree char *path = NULL;
	bw_autorun struct run r = { 0 };
	FILE *f;

	(void)state;
	assert_true(asprintf(&path, "%s/token", dir) > 0);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs("new", f) >= 0);
	assert_int_equal(fclose(f), 0);
	run(&secure, &r, .pod = "expired", .argv = WORDS("echo", "in"));
	assert_int_equal(r.a.result, BW_KUBE_OK);
	assert_string_equal(r.out.data, "in\n");
}

static void command_that_could_not_run_is_no_success(void **state)
{
	static const struct {
		const char *word;
		enum bw_kube_result result;
		const char *message;
	} cases[] = {
		{ "internal", BW_KUBE_UNKNOWN, "no such file" },
		{ "nonsense", BW_KUBE_UNKNOWN, "the server's status of the command is none" },
		{ "text", BW_KUBE_UNKNOWN,
		  "the server answers in texts where bytes were agreed on" },
		{ "drop", BW_KUBE_UNKNOWN,
		  "the connection ended before the command's status came" },
		{ "reason", BW_KUBE_UNKNOWN, "the node has gone" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		bw_autorun struct run r = { 0 };

		run(&plain, &r, .argv = WORDS(cases[i].word));
		assert_int_equal(r.a.result, cases[i].result);
		assert_int_equal(r.a.exit_code, -1);
		assert_string_equal(r.message, cases[i].message);
	}
}

static void output_behind_the_status_counts(void **state)
{
	bw_autorun struct run r = { 0 };

	(void)state;
	run(&secure, &r, .argv = WORDS("after"));
	assert_int_equal(r.a.exit_code, 4);
	assert_string_equal(r.out.data, "late\n");
}

static void every_call_ends_by_its_deadline(void **state)
{
	bw_autorun struct run r = { 0 };

	(void)state;
	run(&plain, &r, .argv = WORDS("hang"), .timeout_ms = 300);
	assert_int_equal(r.a.result, BW_KUBE_UNKNOWN);
	assert_string_equal(r.message, "the command has not ended within 300 ms");
	/* What came until then is there. */
	assert_string_equal(r.out.data, "begun\n");
}

static void nothing_was_done_where_nobody_listens(void **state)
{
	struct bw_kube_config *c = calloc(1, sizeof(*c));
	struct bw_kube_client *client = NULL;
	struct fake f = { .loop = plain.loop };
	bw_autorun struct run r = { 0 };

	(void)state;
	assert_non_null(c);
	c->server = strdup("http://127.0.0.1:1");
	assert_int_equal(bw_kube_http_new(plain.loop, &c, NULL, &client, NULL), 0);
	f.client = client;
	run(&f, &r, .argv = WORDS("echo"));
	assert_int_equal(r.a.result, BW_KUBE_REFUSED);
	assert_non_null(strstr(r.message, "connect to http://127.0.0.1:1: "));
	bw_kube_client_free(&client);
}

static void cancelled_call_is_never_heard_of_again(void **state)
{
	bw_autorun struct run at_once = { 0 };
	bw_autorun struct run inside = { .x = { .data = on_data }, .cancel_at_data = 1 };
	bw_autorun struct run last = { 0 };

	(void)state;
	begin(&secure, &at_once, .argv = WORDS("echo"));
	bw_kube_podexec_cancel(&at_once.x);
	bw_kube_podexec_cancel(&at_once.x);
	begin(&secure, &inside, .argv = WORDS("hang"));
	turn_until(&secure, (const int *)&inside.streamed.size);
	assert_null(inside.x.client);
	run(&secure, &last, .argv = WORDS("echo", "x"));
	assert_false(at_once.over || inside.over);
	assert_int_equal(last.a.result, BW_KUBE_OK);
}

static void many_at_once(void **state)
{
	static struct run all[24];
	char word[BW_ARRAY_SIZE(all)][8];

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		(void)snprintf(word[i], sizeof(word[i]), "%zu", i);
		begin(&secure, &all[i], .argv = WORDS("exit", word[i]));
	}
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		turn_until(&secure, &all[i].over);
		assert_int_equal(all[i].a.exit_code, i);
		run_done(&all[i]);
	}
}

static struct bw_kube_config *secure_config(void)
{
	struct bw_kube_config *c = fake_config(&secure, "https");
	bw_autofree char *ca = NULL;
	FILE *f;

	assert_true(asprintf(&ca, "%s/ca.crt", dir) > 0);
	assert_int_equal(bw_io_read_file(ca, BW_KUBE_SECRET_MAX, &c->ca.data, NULL), 0);
	assert_true(asprintf(&c->token_file, "%s/token", dir) > 0);
	f = fopen(c->token_file, "w");
	assert_non_null(f);
	assert_true(fputs("old", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_true(bw_kube_config_reload(c, NULL) >= 0);
	return c;
}

static int start(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	fake_start_program(&plain, "tests/fake/exec_server.py", NULL);
	fake_start_program(&secure, "tests/fake/exec_server.py", dir);
	fake_client(&plain, fake_config(&plain, "http"), NULL);
	fake_client(&secure, secure_config(), NULL);
	return 0;
}

static int stop(void **state)
{
	static const char *const names[] = { "ca.crt", "ca.key", "server.crt", "server.key",
					     "token" };

	(void)state;
	fake_stop(&plain);
	fake_stop(&secure);
	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++) {
		bw_autofree char *path = NULL;

		assert_true(asprintf(&path, "%s/%s", dir, names[i]) > 0);
		assert_int_equal(unlink(path), 0);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_has_output_and_status),
		cmocka_unit_test(token_goes_over_tls_alone),
		cmocka_unit_test(input_is_sent_and_ended),
		cmocka_unit_test(input_can_come_later),
		cmocka_unit_test(older_server_speaks_v4),
		cmocka_unit_test(fragments_and_pings_are_taken),
		cmocka_unit_test(output_is_bounded_and_streams),
		cmocka_unit_test(refusals_become_results),
		cmocka_unit_test(command_that_could_not_run_is_no_success),
		cmocka_unit_test(output_behind_the_status_counts),
		cmocka_unit_test(every_call_ends_by_its_deadline),
		cmocka_unit_test(nothing_was_done_where_nobody_listens),
		cmocka_unit_test(cancelled_call_is_never_heard_of_again),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(new_token_is_tried_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("podexec", tests, start, stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fake/kube_server.py as a child, and calls of lib/kube on a real loop against it. Every wait
 * has a deadline.
 */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <bw/err.h>
#include <bw/kube_config.h>
#include <bw/kube_http.h>
#include <bw/kube_text.h>
#include <bw/loop.h>

#define FAKE_WAIT_MS 15000
#define MS 1000000LL

extern char **environ;

struct fake {
	pid_t pid;
	int in;
	int out;
	int port;
	struct bw_buf text; /* what it has printed and nobody has read */
	struct bw_loop *loop;
	struct bw_kube_client *client;
};

/* Tells the server its next answer. */
static inline void fake_say(struct fake *f, const char *json)
{
	assert_int_equal(write(f->in, json, strlen(json)), strlen(json));
	assert_int_equal(write(f->in, "\n", 1), 1);
}

/* The next line it prints, freed by the caller; NULL when none comes in @ms. */
static inline char *fake_line(struct fake *f, int ms)
{
	for (;;) {
		char *nl = f->text.size ? memchr(f->text.data, '\n', f->text.size) : NULL;
		struct pollfd p = { .fd = f->out, .events = POLLIN };
		char chunk[4096];
		ssize_t n;

		if (nl) {
			size_t len = (size_t)(nl - f->text.data);
			char *line = strndup(f->text.data, len);

			f->text.size -= len + 1;
			memmove(f->text.data, nl + 1, f->text.size);
			return line;
		}
		if (poll(&p, 1, ms) <= 0)
			return NULL;
		n = read(f->out, chunk, sizeof(chunk));
		if (n <= 0)
			return NULL;
		assert_int_equal(bw_buf_append(&f->text, chunk, (size_t)n), 0);
	}
}

/* @program prints its port first. */
static inline void fake_start_program(struct fake *f, const char *program, const char *tls_dir)
{
	const char *const words[] = { "/usr/bin/python3", program, tls_dir ? "--tls" : NULL,
				      tls_dir, NULL };
	char *argv[BW_ARRAY_SIZE(words)];
	posix_spawn_file_actions_t a;
	bw_autofree char *line = NULL;
	int in[2], out[2];

	*f = (struct fake){ .in = -1 };
	memcpy(argv, words, sizeof(argv));
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&a), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&a, in[0], 0), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&a, out[1], 1), 0);
	assert_int_equal(posix_spawnp(&f->pid, argv[0], &a, NULL, argv, environ), 0);
	(void)posix_spawn_file_actions_destroy(&a);
	close(in[0]);
	close(out[1]);
	f->in = in[1];
	f->out = out[0];
	line = fake_line(f, FAKE_WAIT_MS);
	assert_non_null(line);
	assert_int_equal(sscanf(line, "port %d", &f->port), 1);
	assert_int_equal(bw_loop_new(&f->loop, NULL), 0);
}

static inline void fake_start(struct fake *f, const char *tls_dir)
{
	fake_start_program(f, "tests/fake/kube_server.py", tls_dir);
}

/* Between two tests: the server forgets what it was told, nobody is connected. */
static inline void fake_forget(struct fake *f)
{
	char *line = NULL;
	int over = 0;

	bw_kube_client_free(&f->client);
	fake_say(f, "{\"forget\":true}");
	while (!over) {
		line = fake_line(f, FAKE_WAIT_MS);
		assert_non_null(line);
		over = strcmp(line, "forgotten") == 0;
		free(line);
	}
}

/* A client with a configuration of its own; the old one goes. */
static inline void fake_client(struct fake *f, struct bw_kube_config *config,
			       const struct bw_kube_http_options *o)
{
	struct bw_err err = { 0 };

	bw_kube_client_free(&f->client);
	if (bw_kube_http_new(f->loop, &config, o, &f->client, &err) < 0)
		fail_msg("%s", err.msg);
}

/* A configuration of the server over plain HTTP. */
static inline struct bw_kube_config *fake_config(const struct fake *f, const char *scheme)
{
	struct bw_kube_config *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	assert_true(asprintf(&c->server, "%s://127.0.0.1:%d", scheme, f->port) > 0);
	return c;
}

static inline void fake_stop(struct fake *f)
{
	bw_kube_client_free(&f->client);
	bw_loop_free(&f->loop);
	close(f->in);
	close(f->out);
	kill(f->pid, SIGTERM);
	waitpid(f->pid, NULL, 0);
	bw_buf_done(&f->text);
}

/* A request that the server has seen. */
struct seen {
	char *line;
};

static inline void seen_done(struct seen *s)
{
	free(s->line);
	s->line = NULL;
}
#define bw_autoseen BW_CLEANUP(seen_done)

/* Turns the loop until the server has printed a line. */
static inline struct seen fake_seen(struct fake *f)
{
	int64_t end = bw_loop_now_ns(f->loop) + FAKE_WAIT_MS * MS;
	struct seen s = { NULL };

	while (!s.line && bw_loop_now_ns(f->loop) < end) {
		assert_true(bw_loop_step(f->loop, 5, INT64_MAX, NULL) >= 0);
		s.line = fake_line(f, 0);
		if (s.line && strstr(s.line, "\"error\""))
			seen_done(&s);
	}
	assert_non_null(s.line);
	return s;
}

/* Whether the server sees anything within @ms. */
static inline int fake_sees(struct fake *f, int ms)
{
	int64_t end = bw_loop_now_ns(f->loop) + ms * MS;
	char *line = NULL;

	while (!line && bw_loop_now_ns(f->loop) < end) {
		assert_true(bw_loop_step(f->loop, 5, INT64_MAX, NULL) >= 0);
		line = fake_line(f, 0);
		if (!line || !strstr(line, "\"error\""))
			continue;
		free(line);
		line = NULL;
	}
	free(line);
	return line != NULL;
}

/* A text of it: method, target, body, cert; or a header with @header. "" when absent. */
static inline const char *seen_text(const struct seen *s, const char *key, const char *header,
				    char *ret, size_t cap)
{
	struct bw_kube_slice v = { s->line, strlen(s->line) };

	ret[0] = '\0';
	if (bw_kube_text_get(v, &v, key, header, NULL) == 0)
		(void)bw_kube_text_str(v, ret, cap);
	return ret;
}

static inline int64_t seen_conn(const struct seen *s)
{
	struct bw_kube_slice v = { s->line, strlen(s->line) };
	int64_t n = -1;

	assert_int_equal(bw_kube_text_get(v, &v, "conn", NULL), 0);
	assert_int_equal(bw_kube_text_int(v, &n), 0);
	return n;
}

/* Heap and a call of its own: the sanitizers give every inlined buffer a place in the frame. */
static inline void seen_expect(const struct seen *s, const char *key, const char *header,
			       const char *want)
{
	size_t cap = strlen(s->line) + 1;
	bw_autofree char *got = malloc(cap);

	assert_non_null(got);
	assert_string_equal(seen_text(s, key, header, got, cap), want);
}

#define assert_seen(s_, key_, want_) seen_expect((s_), (key_), NULL, (want_))
#define assert_header(s_, name_, want_) seen_expect((s_), "headers", (name_), (want_))

/* One call and what became of it. */
struct call {
	struct bw_kube_call call;
	struct bw_kube_reply reply;
	struct bw_buf data;
	int done; /* how often */
	int pieces;
	int data_returns;
	struct call *cancels; /* cancelled by a piece of data, or by the end */
};

static inline void call_on_done(const struct bw_kube_answer *a, void *arg)
{
	struct call *c = arg;

	c->done++;
	bw_kube_reply_done(&c->reply);
	c->reply = (struct bw_kube_reply){
		.result = a->result,
		.http = a->http,
		.retry_ms = a->retry_ms,
		.reason = strdup(a->reason),
		.message = strdup(a->message),
		.body = strndup(a->body, a->body_size),
		.body_size = a->body_size,
	};
	if (c->cancels)
		bw_kube_cancel(&c->cancels->call);
}

static inline int call_on_data(const char *data, size_t size, void *arg)
{
	struct call *c = arg;

	c->pieces++;
	assert_int_equal(bw_buf_append(&c->data, data, size), 0);
	if (c->cancels)
		bw_kube_cancel(&c->cancels->call);
	return c->data_returns;
}

static inline void call_start(struct fake *f, struct call *c, const struct bw_kube_request *r)
{
	struct bw_err err = { 0 };

	*c = (struct call){ 0 };
	c->call.done = call_on_done;
	c->call.arg = c;
	if (r->verb == BW_KUBE_WATCH)
		c->call.data = call_on_data;
	if (bw_kube_start(f->client, r, &c->call, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline void call_end(struct call *c)
{
	bw_kube_cancel(&c->call);
	bw_kube_reply_done(&c->reply);
	bw_buf_done(&c->data);
}
#define bw_autocall BW_CLEANUP(call_end)

/* Turns the loop until *@what >= @want. */
static inline void fake_until(struct fake *f, const int *what, int want)
{
	int64_t end = bw_loop_now_ns(f->loop) + FAKE_WAIT_MS * MS;

	while (*what < want && bw_loop_now_ns(f->loop) < end)
		assert_true(bw_loop_step(f->loop, 50, INT64_MAX, NULL) >= 0);
	assert_true(*what >= want);
}

/* Starts a call and waits for its end. */
static inline void call_whole(struct fake *f, struct call *c, const struct bw_kube_request *r)
{
	call_start(f, c, r);
	fake_until(f, &c->done, 1);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/tools/pageshow [ADDRESS [CERT KEY]]: the page of barewire-controller without a cluster.
 * Says "port N", then "ok" after each line of its input: "PLURAL TYPE OBJECT", "sync", "lead NAME",
 * "follow NAME", "asked" (how many calls were made). Ends with its input.
 */
#include <fcntl.h>
#include <sys/epoll.h>

#include <bw/log.h>

#include "feed.h"

#define LINE_MAX_ (1U << 20)

struct show {
	struct feed feed;
	struct page *page;
	struct bw_loop_fd in;
	struct bw_buf line;
};

static void obey(struct show *s, char *line)
{
	char *type = strchr(line, ' ');
	char *object = type ? strchr(type + 1, ' ') : NULL;
	int r = 0;

	if (object) {
		*type++ = '\0';
		*object++ = '\0';
		r = feed_event(&s->feed, line, type, object);
	} else if (strcmp(line, "sync") == 0) {
		feed_sync(&s->feed);
	} else if (strcmp(line, "asked") == 0) {
		(void)printf("%u\n", s->feed.asked);
		(void)fflush(stdout);
		return;
	} else if (type) {
		page_leader(s->page, *line == 'l', type + 1);
	}
	(void)printf("%s\n", r == 0 ? "ok" : "bad");
	(void)fflush(stdout);
}

static void on_input(uint32_t events, void *arg)
{
	struct show *s = arg;
	char some[4096];
	ssize_t n = read(STDIN_FILENO, some, sizeof(some));
	char *end;

	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		bw_loop_stop(s->feed.loop);
		return;
	}
	if (n < 0 || s->line.size > LINE_MAX_ || bw_buf_append(&s->line, some, (size_t)n) < 0)
		return;
	while ((end = memchr(s->line.data, '\n', s->line.size))) {
		size_t size = (size_t)(end - s->line.data) + 1;

		*end = '\0';
		obey(s, s->line.data);
		memmove(s->line.data, s->line.data + size, s->line.size - size);
		s->line.size -= size;
	}
}

static int run(struct show *s, int argc, char **argv, struct bw_err *err)
{
	struct page_options o;
	int r = bw_loop_new(&s->feed.loop, err);

	if (r == 0)
		r = feed_init(&s->feed, err);
	if (r == 0)
		r = feed_wait(&s->feed);
	if (r < 0)
		return r;
	o = feed_options(&s->feed);
	if (argc > 1)
		o.address = argv[1];
	if (argc > 3) {
		o.cert = argv[2];
		o.key = argv[3];
	}
	r = page_new(&o, &s->page, err);
	if (r == 0)
		r = bw_loop_fd_add(&s->in, s->feed.loop, STDIN_FILENO, EPOLLIN, on_input, s, err);
	if (r < 0)
		return r;
	(void)printf("port %u\n", page_port(s->page));
	(void)fflush(stdout);
	return bw_loop_run(s->feed.loop, err);
}

int main(int argc, char **argv)
{
	struct show s = { 0 };
	struct bw_err err = { 0 };
	int r;

	bw_log_setup(BW_LOG_INFO, STDERR_FILENO, "page", NULL, NULL);
	(void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	r = run(&s, argc, argv, &err);
	if (r < 0)
		(void)fprintf(stderr, "pageshow: %s\n", err.msg);
	bw_loop_fd_remove(&s.in);
	page_free(&s.page);
	if (s.feed.loop)
		feed_done(&s.feed);
	bw_buf_done(&s.line);
	return r < 0;
}

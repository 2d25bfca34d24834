/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire unit connect: a command in the database's container, with this terminal for its own.
 * However it ends, by a signal too, the terminal is as it was.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bw/err.h>
#include <bw/kube_podexec.h>
#include <bw/loop.h>

#include "kube_cli.h"
#include "kube_term.h"
#include "kube_unit.h"

#define SESSION_MS INT_MAX /* 24 days */
#define CODE_LOST 255 /* as ssh(1): the status is not the command's */
#define MESSAGE_MAX 512

struct connect {
	struct cli_session *s;
	const struct cli_unit *unit;
	struct bw_kube_podexec x;
	struct cli_term term;
	struct cli_term_keys keys;
	struct bw_loop_fd in;
	struct bw_defer more; /* standard input is a file: it is always ready */
	char waiting[CLI_TERM_KEYS_MAX + 1]; /* of the input, until it can be sent */
	size_t n_waiting;
	uint8_t tty;
	uint8_t is_file;
	uint8_t shaken; /* the far side listens */
	uint8_t ended; /* the input has */
	uint8_t over;
	uint8_t named; /* a command was given */
	int signo; /* that ends us */
	int code;
};

/* INPUT */

static void listen_to(struct connect *c, int on);

static void end_input(struct connect *c)
{
	if (c->ended)
		return;
	c->ended = 1;
	listen_to(c, 0);
	/* A server of v4 cannot be told, and the command's end tells the rest, ignoring. */
	(void)bw_kube_podexec_send_end(&c->x);
}

static void send_waiting(struct connect *c)
{
	int r = c->n_waiting ? bw_kube_podexec_send(&c->x, c->waiting, c->n_waiting) : 0;

	/* .writable tells when. */
	listen_to(c, r != -EAGAIN && !c->ended);
	if (r != -EAGAIN)
		c->n_waiting = 0;
}

static void read_input(struct connect *c)
{
	char data[CLI_TERM_KEYS_MAX];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_input(c);
		return;
	}
	c->n_waiting = (size_t)n;
	if (!c->tty) {
		memcpy(c->waiting, data, (size_t)n);
	} else if (cli_term_filter(&c->keys, data, (size_t)n, c->waiting, &c->n_waiting)) {
		bw_kube_podexec_cancel(&c->x);
		c->over = 1;
		c->code = CODE_LOST;
		return;
	}
	send_waiting(c);
}

static void on_input(uint32_t events, void *arg)
{
	struct connect *c = arg;

	(void)events;
	/* While something waits nothing more is read. */
	if (!c->over && !c->ended && !c->n_waiting)
		read_input(c);
}

static void on_more(void *arg)
{
	on_input(EPOLLIN, arg);
}

/* A descriptor that is not listened to is taken out: its hang-up would come again and again. */
static void listen_to(struct connect *c, int on)
{
	if (c->is_file && on) {
		bw_defer_call(&c->more);
	} else if (!c->is_file && !on) {
		bw_loop_fd_remove(&c->in);
	} else if (!c->is_file && !c->in.loop) {
		int r = bw_loop_fd_add(&c->in, c->s->loop, STDIN_FILENO, EPOLLIN, on_input, c,
				       NULL);

		/* A file is refused, and what is closed: read(2) tells them apart. */
		c->is_file = r < 0;
		if (r < 0)
			bw_defer_call(&c->more);
	}
}

/* OUTPUT */

static void on_data(int fd, const char *data, size_t size, void *arg)
{
	struct connect *c = arg;

	if (c->over || cli_write_all(fd, data, size) == 0)
		return;
	/* Nobody listens any more; it is cancelled outside of its own callback. */
	c->over = 1;
	c->code = CLI_FAILED;
}

static void tell_size(struct connect *c)
{
	unsigned int width, height;

	if (!c->tty || !c->shaken)
		return;
	cli_term_size(&width, &height);
	/* It keeps the old one, ignoring. */
	(void)bw_kube_podexec_resize(&c->x, width, height);
}

static void on_writable(void *arg)
{
	struct connect *c = arg;

	if (c->over)
		return;
	if (!c->shaken) {
		c->shaken = 1;
		tell_size(c);
	}
	if (!c->ended)
		send_waiting(c);
}

static void on_done(const struct bw_kube_podexec_answer *a, void *arg)
{
	struct connect *c = arg;
	const char *hint = !c->named && a->result != BW_KUBE_OK && c->shaken
				   ? "; where there is no sh name a command: -- COMMAND"
				   : "";

	if (c->over)
		return;
	c->over = 1;
	c->code = a->exit_code;
	if (a->result == BW_KUBE_OK)
		return;
	cli_term_restore(&c->term);
	c->code = CODE_LOST;
	if (a->result == BW_KUBE_NOT_FOUND)
		c->code = cli_unit_no_pod(c->unit);
	else
		/* Nothing is left to do when stderr is gone, ignoring. */
		(void)fprintf(stderr, "barewire: unit %s/%s: %s%s\n", c->unit->ns,
			      c->unit->o.meta.name, a->message, hint);
}

/* SIGNALS */

static void on_signal(int signo, void *arg)
{
	struct connect *c = arg;

	if (signo == SIGWINCH) {
		tell_size(c);
		return;
	}
	if (signo == SIGTSTP || signo == SIGCONT) {
		cli_term_restore(&c->term);
		if (signo == SIGTSTP)
			(void)raise(SIGSTOP); /* always done, ignoring */
		/* It goes on in lines when it cannot, ignoring. */
		(void)cli_term_raw(&c->term, NULL);
		tell_size(c);
		return;
	}
	c->signo = signo;
}

/* Those that would end us, and those of the terminal. */
static int catch_signals(struct connect *c, struct bw_err *err)
{
	static const int signals[] = {
		SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT
	};
	int r = 0;

	for (size_t i = 0; r == 0 && c->tty && i < BW_ARRAY_SIZE(signals); i++)
		r = bw_loop_signal(c->s->loop, signals[i], on_signal, c, err);
	return r;
}

/* As if it had never been caught: whoever started us sees what ended us. */
static int die_of(int signo)
{
	sigset_t set;

	(void)sigemptyset(&set); /* none of these fails, ignoring */
	(void)sigaddset(&set, signo);
	(void)signal(signo, SIG_DFL);
	(void)raise(signo);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	return CODE_LOST;
}

/* RUNNING */

static int talk(struct connect *c, const struct bw_kube_podexec_request *q)
{
	struct bw_err err = { 0 };
	int r = catch_signals(c, &err);

	if (r == 0 && c->tty)
		r = cli_term_raw(&c->term, &err);
	if (r == 0)
		r = bw_kube_podexec_start(c->s->client, q, &c->x, &err);
	while (r >= 0 && !c->over && !c->signo)
		r = bw_loop_step(c->s->loop, 1000, INT64_MAX, &err);
	bw_loop_fd_remove(&c->in);
	bw_defer_stop(&c->more);
	bw_kube_podexec_cancel(&c->x);
	cli_term_restore(&c->term);
	if (c->signo)
		return die_of(c->signo);
	return r < 0 ? cli_fail(&err) : c->code;
}

int cli_unit_connect(struct cli_session *s)
{
	static const char *const shell[] = { "sh", NULL };
	BW_CLEANUP(cli_unit_done) struct cli_unit u = { 0 };
	const struct cli_kube_args *args = s->args;
	struct connect c = { .s = s, .unit = &u, .tty = (uint8_t)cli_term_is() };
	struct bw_kube_podexec_request q = { .flags = BW_KUBE_PODEXEC_F_STDIN,
					     .timeout_ms = SESSION_MS,
					     .argv = shell };
	int r;

	if (args->n_after >= args->n_words)
		return cli_usage("unit connect", "the Unit is named before --");
	r = cli_unit_get(s, args->words[0], &u);
	if (!r)
		r = cli_unit_container(s, &u, &q.container);
	if (r)
		return r;
	c.x = (struct bw_kube_podexec){
		.done = on_done, .data = on_data, .writable = on_writable, .arg = &c
	};
	c.named = args->n_words > 1;
	if (c.named)
		q.argv = (const char *const *)args->words + 1;
	if (c.tty)
		q.flags |= BW_KUBE_PODEXEC_F_TTY;
	q.namespace = u.o.meta.namespace;
	q.pod = u.o.meta.name;
	bw_defer_init(&c.more, s->loop, on_more, &c);
	return talk(&c, &q);
}

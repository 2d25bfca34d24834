/* SPDX-License-Identifier: Apache-2.0 */
/* barewire unit logs: what the database's container wrote, and what it writes. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bw/err.h>
#include <bw/loop.h>

#include "kube_cli.h"
#include "kube_unit.h"

#define TAIL_DIGITS_MAX 9
#define FOLLOW_MS INT_MAX /* 24 days: who looks longer asks again */

int cli_write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = fd, .events = POLLOUT };

			(void)poll(&p, 1, -1); /* write(2) says what is wrong, ignoring */
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* THE CONTAINER */

static int is_named(const struct bw_db_unit *u, const char *name)
{
	const struct bw_db_unit_template_spec *t = &u->spec.template.spec;

	for (size_t i = 0; i < t->containers.n; i++)
		if (strcmp(t->containers.items[i].name, name) == 0)
			return 1;
	for (size_t i = 0; i < t->init_containers.n; i++)
		if (strcmp(t->init_containers.items[i].name, name) == 0)
			return 1;
	return 0;
}

int cli_unit_container(struct cli_session *s, const struct cli_unit *u, const char **ret)
{
	const struct bw_db_unit_template_spec *t = &u->o.spec.template.spec;
	const char *said = s->args->container;

	*ret = said ? said : cli_unit_main(&u->o);
	if (*ret && (!said || is_named(&u->o, said)))
		return CLI_OK;
	/* Nothing is left to do when stderr is gone, ignoring: here and below. */
	(void)fprintf(stderr, "barewire: unit %s/%s: %s%s%s its containers are", u->ns,
		      u->o.meta.name, said ? "it has no container " : "", said ? said : "",
		      said ? ":" : "-c says which is meant:");
	for (size_t i = 0; i < t->containers.n; i++)
		(void)fprintf(stderr, "%s %s", i ? "," : "", t->containers.items[i].name);
	(void)fprintf(stderr, "\n");
	return CLI_USAGE;
}

int cli_unit_no_pod(const struct cli_unit *u)
{
	(void)fprintf(
		stderr,
		"barewire: unit %s/%s has no pod%s%s; barewire unit describe %s/%s says why\n",
		u->ns, u->o.meta.name, u->o.status.task ? ": " : "",
		u->o.status.task ? u->o.status.task : "", u->ns, u->o.meta.name);
	return CLI_FOUND;
}

/* THE LOG */

struct logs {
	const struct cli_unit *unit;
	int over;
	int code;
	int broken; /* nobody reads standard output any more */
};

static int on_data(const char *data, size_t size, void *arg)
{
	struct logs *l = arg;
	int r = cli_write_all(STDOUT_FILENO, data, size);

	l->broken = r < 0;
	return r;
}

static void on_done(const struct bw_kube_answer *a, void *arg)
{
	struct logs *l = arg;

	l->over = 1;
	if (a->result == BW_KUBE_OK)
		return;
	l->code = CLI_FAILED;
	if (a->result == BW_KUBE_NOT_FOUND)
		l->code = cli_unit_no_pod(l->unit);
	else if (!l->broken)
		(void)fprintf(stderr, "barewire: logs of unit %s/%s: %s\n", l->unit->ns,
			      l->unit->o.meta.name, a->message);
}

/* Names are a server's, and "tail" is digits: nothing has to be encoded. */
static int make_path(const struct cli_session *s, const struct cli_unit *u, const char *container,
		     struct bw_buf *b)
{
	const struct cli_kube_args *args = s->args;

	return bw_buf_printf(b, "/api/v1/namespaces/%s/pods/%s/log?container=%s%s%s%s%s",
			     u->o.meta.namespace, u->o.meta.name, container,
			     args->follow ? "&follow=true" : "",
			     args->previous ? "&previous=true" : "",
			     args->tail ? "&tailLines=" : "", args->tail ? args->tail : "");
}

static int check_tail(const char *tail)
{
	size_t n = tail ? strspn(tail, "0123456789") : 0;

	if (!tail || (n && n <= TAIL_DIGITS_MAX && !tail[n]))
		return CLI_OK;
	(void)fprintf(stderr,
		      "barewire unit logs: --tail: expected a number of lines, got \"%.64s\"\n",
		      tail);
	return CLI_USAGE;
}

int cli_unit_logs(struct cli_session *s)
{
	BW_CLEANUP(cli_unit_done) struct cli_unit u = { 0 };
	struct logs l = { .unit = &u };
	struct bw_kube_call call = { .done = on_done, .data = on_data, .arg = &l };
	bw_autobuf struct bw_buf path = { 0 };
	struct bw_kube_request q = { .verb = BW_KUBE_RAW, .timeout_ms = FOLLOW_MS };
	struct bw_err err = { 0 };
	const char *container;
	int r = check_tail(s->args->tail);

	if (!r && s->args->follow && s->args->previous)
		return cli_usage("unit logs", "what was before has ended: -f and -p exclude each "
					      "other");
	if (!r)
		r = cli_unit_get(s, s->args->words[0], &u);
	if (!r)
		r = cli_unit_container(s, &u, &container);
	if (r)
		return r;
	r = make_path(s, &u, container, &path);
	if (r < 0)
		(void)bw_fail(&err, -r, "ask for logs"); /* printed below, ignoring */
	q.path = path.data;
	if (r == 0)
		r = bw_kube_start(s->client, &q, &call, &err);
	while (r >= 0 && !l.over)
		r = bw_loop_step(s->loop, 1000, INT64_MAX, &err);
	bw_kube_cancel(&call);
	return r < 0 ? cli_fail(&err) : l.code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* All objects of a kind for people: as a tree, as names, or a line each. */
#include <bw/err.h>
#include <bw/json.h>

#include "kube_cli.h"

struct list {
	struct cli_session *s;
	const struct cli_lines *lines;
	struct bw_json_build build;
	struct cJSON *items; /* borrowed from build; NULL = text */
	unsigned int n;
};

static void list_done(struct list *l)
{
	bw_json_build_done(&l->build);
}

static int list_one(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct list *l = arg;
	int r;

	if (l->items)
		return cli_out_append(&l->build, l->items, text, size, err);
	r = l->lines->row(l->s, text, size, err);
	l->n += r == 0;
	return r;
}

int cli_list_lines(struct cli_session *s, const struct cli_lines *lines, const char *namespace,
		   int *ret_none)
{
	BW_CLEANUP(list_done) struct list l = { .s = s, .lines = lines };
	struct bw_err err = { 0 };

	*ret_none = 0;
	if (cli_wants_tree(s->args))
		l.items = cli_out_list(&l.build);
	else if (s->args->format != CLI_NAME)
		lines->head(s->args);
	if (cli_session_list(s, lines->kind, namespace, list_one, &l, &err) < 0)
		return cli_fail(&err);
	if (l.items)
		return cli_out_build(s->args, &l.build);
	*ret_none = !l.n;
	return CLI_OK;
}

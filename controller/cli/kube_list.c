/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a kind for people: all as a tree, as names, or a line each; or the one that is named.
 */
#include <stdio.h>
#include <string.h>

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
	const struct cli_selectors which = { s->args->selector, NULL };
	struct bw_err err = { 0 };

	*ret_none = 0;
	if (cli_wants_tree(s->args))
		l.items = cli_out_list(&l.build);
	else if (s->args->format != CLI_NAME)
		lines->head(s->args);
	if (cli_session_select(s, lines->kind, namespace, &which, list_one, &l, &err) < 0)
		return cli_fail(&err);
	if (l.items)
		return cli_out_build(s->args, &l.build);
	*ret_none = !l.n;
	return CLI_OK;
}

int cli_object_get(struct cli_session *s, const struct bw_kube_kind *kind, const char *word,
		   const char *list, char ret_ns[64], struct bw_buf *ret)
{
	const char *slash = strchr(word, '/');
	const char *name = slash ? slash + 1 : word;
	struct bw_err err = { 0 };
	int r;

	/* Longer namespaces are none of a server's, ignoring. */
	(void)snprintf(ret_ns, 64, "%.*s", slash ? (int)(slash - word) : 63,
		       slash ? word : s->namespace);
	if (slash && s->args->namespace && strcmp(ret_ns, s->args->namespace) != 0) {
		/* Nothing is left to do when stderr is gone, ignoring: here and below. */
		(void)fprintf(stderr, "barewire: -n %s and %s name two namespaces\n",
			      s->args->namespace, word);
		return CLI_USAGE;
	}
	r = cli_session_get(s, kind, ret_ns, name, ret, &err);
	if (r < 0)
		return cli_fail(&err);
	if (r)
		return CLI_OK;
	(void)fprintf(stderr,
		      "barewire: there is no %s %s in namespace %s; barewire %s -A lists all\n",
		      kind->kind, name, ret_ns, list);
	return CLI_FOUND;
}

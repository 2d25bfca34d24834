/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to the API server for one command: objects are read page by page, one at a time. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_config.h>
#include <bw/kube_http.h>
#include <bw/kube_text.h>
#include <bw/loop.h>
#include <bw/version.h>

#include "kube_cli.h"

#define PAGE 500 /* objects a page, as kubectl */
#define PAGES_MAX 4000
#define CONTINUE_MAX 4096
#define AGENT "kubectl-barewire/" BW_VERSION

int cli_session_open(const struct cli_kube_args *args, struct cli_session *ret, struct bw_err *err)
{
	const struct bw_kube_http_options o = { .agent = AGENT };
	bw_autokubeconfig struct bw_kube_config *config = NULL;
	const char *ns;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->args = args;
	r = bw_kube_config_find(args->kubeconfig, args->context, &config, err);
	if (r < 0)
		return r;
	ns = args->namespace ? args->namespace : config->namespace ? config->namespace : "default";
	/* Longer names are none of a server's, ignoring. */
	(void)snprintf(ret->namespace, sizeof(ret->namespace), "%s", ns);
	(void)snprintf(ret->user, sizeof(ret->user), "%s",
		       config->context ? config->context : "in-cluster");
	r = bw_loop_new(&ret->loop, err);
	return r < 0 ? r : bw_kube_http_new(ret->loop, &config, &o, &ret->client, err);
}

void cli_session_close(struct cli_session *s)
{
	bw_kube_client_free(&s->client);
	bw_loop_free(&s->loop);
}

/* One request; an answer that is no success is an error, but for "not found" where @missing. */
static int ask(struct cli_session *s, const struct bw_kube_request *q, struct bw_kube_reply *ret,
	       int *missing, struct bw_err *err)
{
	int r = bw_kube_do(s->loop, s->client, q, ret, err);

	if (r < 0)
		return r;
	if (missing) {
		*missing = ret->result == BW_KUBE_NOT_FOUND;
		if (*missing)
			return 0;
	}
	return bw_kube_reply_err(ret, err);
}

struct page {
	cli_object_fn fn;
	void *arg;
	struct bw_err *err;
};

static int on_item(const char *text, size_t size, void *arg)
{
	const struct page *p = arg;

	return p->fn(text, size, p->arg, p->err);
}

/* Hands the items of a list on; where it goes on is in @cont, "" = nowhere. */
static int walk(const struct bw_kube_reply *reply, struct page *p, char cont[CONTINUE_MAX],
		struct bw_err *err)
{
	struct bw_kube_cut cut;
	struct bw_kube_slice rest;
	int r;

	bw_kube_cut_init(&cut, BW_KUBE_CUT_ITEMS, on_item, p);
	r = bw_kube_cut_feed(&cut, reply->body, reply->body_size, err);
	if (r == 0)
		r = bw_kube_cut_end(&cut, err);
	rest = bw_kube_cut_rest(&cut);
	if (r == 0)
		/* "" where there is none, ignoring */
		(void)bw_kube_text_copy(rest.p, rest.size, cont, CONTINUE_MAX, "metadata",
					"continue");
	bw_kube_cut_done(&cut);
	return r;
}

int cli_session_select(struct cli_session *s, const struct bw_kube_kind *kind,
		       const char *namespace, const struct cli_selectors *which, cli_object_fn fn,
		       void *arg, struct bw_err *err)
{
	struct page p = { fn, arg, err };
	char cont[CONTINUE_MAX] = "";

	for (int i = 0; i < PAGES_MAX; i++) {
		bw_autokubereply struct bw_kube_reply reply = { 0 };
		struct bw_kube_request q = { .verb = BW_KUBE_LIST,
					     .kind = kind,
					     .namespace = namespace,
					     .label_selector = which->labels,
					     .field_selector = which->fields,
					     .cont = cont[0] ? cont : NULL,
					     .limit = PAGE };
		int r = ask(s, &q, &reply, NULL, err);

		if (r == 0)
			r = walk(&reply, &p, cont, err);
		if (r < 0)
			return bw_wrap(err, r, "list %s", kind->plural);
		if (!cont[0])
			return 0;
	}
	return bw_reject(err, BW_ERR_INTERNAL, E2BIG, "list %s: more than %d pages", kind->plural,
			 PAGES_MAX);
}

int cli_session_list(struct cli_session *s, const struct bw_kube_kind *kind, const char *namespace,
		     cli_object_fn fn, void *arg, struct bw_err *err)
{
	static const struct cli_selectors all = { NULL, NULL };

	return cli_session_select(s, kind, namespace, &all, fn, arg, err);
}

int cli_session_get(struct cli_session *s, const struct bw_kube_kind *kind, const char *namespace,
		    const char *name, struct bw_buf *ret, struct bw_err *err)
{
	bw_autokubereply struct bw_kube_reply reply = { 0 };
	struct bw_kube_request q = {
		.verb = BW_KUBE_GET, .kind = kind, .namespace = namespace, .name = name
	};
	int missing = 0;
	int r = ask(s, &q, &reply, &missing, err);

	if (r < 0)
		return bw_wrap(err, r, "get %s %s", kind->kind, name);
	if (missing)
		return 0;
	r = bw_buf_append(ret, reply.body, reply.body_size);
	return r < 0 ? bw_fail(err, -r, "get %s %s", kind->kind, name) : 1;
}

int cli_session_merge(struct cli_session *s, const struct bw_kube_kind *kind, const char *namespace,
		      const char *name, const char *body, struct bw_err *err)
{
	bw_autokubereply struct bw_kube_reply reply = { 0 };
	struct bw_kube_request q = { .verb = BW_KUBE_MERGE,
				     .kind = kind,
				     .namespace = namespace,
				     .name = name,
				     .manager = "kubectl-barewire",
				     .body = body,
				     .body_size = strlen(body) };
	int r = ask(s, &q, &reply, NULL, err);

	return r < 0 ? bw_wrap(err, r, "change %s %s", kind->kind, name) : 0;
}

int cli_session_delete(struct cli_session *s, const struct bw_kube_kind *kind,
		       const char *namespace, const char *name, const char *uid, struct bw_err *err)
{
	bw_autokubereply struct bw_kube_reply reply = { 0 };
	struct bw_kube_request q = { .verb = BW_KUBE_DELETE,
				     .kind = kind,
				     .namespace = namespace,
				     .name = name,
				     .uid = uid };
	int missing = 0;
	int r = ask(s, &q, &reply, &missing, err);

	if (r == -EAGAIN && reply.result == BW_KUBE_CONFLICT)
		return 0; /* the UID is another's */
	return r < 0 ? bw_wrap(err, r, "delete %s %s", kind->kind, name) : !missing;
}

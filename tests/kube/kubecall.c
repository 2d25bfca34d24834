/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request through lib/kube, for tests on real servers:
 *
 *     kubecall KUBECONFIG VERB GROUP/VERSION/PLURAL/namespaced|cluster [KEY=VALUE...]
 *     kubecall KUBECONFIG version
 *
 * Keys: namespace name sub body manager fields labels rv match cont uid limit timeout flags (d dry
 * run, m metadata, b bookmarks, i initial events, t table, u urgent) cancel (ms until the call is
 * cancelled). A line for each piece of a watch or item of a list, then the answer as a line.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_config.h>
#include <bw/kube_http.h>
#include <bw/kube_text.h>
#include <bw/loop.h>

#define MS 1000000LL

struct state {
	struct bw_loop *loop;
	struct bw_kube_cut cut;
	struct bw_timer cancel;
	struct bw_kube_call call;
	int code;
};

static int on_piece(const char *text, size_t size, void *arg)
{
	(void)arg;
	printf("PIECE %.*s\n", (int)size, text);
	(void)fflush(stdout);
	return 0;
}

static int on_data(const char *data, size_t size, void *arg)
{
	struct state *s = arg;
	struct bw_err err = { 0 };
	int r = bw_kube_cut_feed(&s->cut, data, size, &err);

	if (r < 0)
		printf("CUT %s\n", err.msg);
	return r;
}

static void on_done(const struct bw_kube_answer *a, void *arg)
{
	struct state *s = arg;

	if (s->cut.rest.size)
		printf("REST %.*s\n", (int)bw_kube_cut_rest(&s->cut).size,
		       bw_kube_cut_rest(&s->cut).p);
	printf("%s http=%d retry=%u reason=%s message=\"%s\" body=%s\n",
	       bw_kube_result_str(a->result), a->http, a->retry_ms, a->reason, a->message, a->body);
	s->code = a->result == BW_KUBE_OK ? 0 : 3;
	bw_loop_stop(s->loop);
}

static void on_cancel(void *arg)
{
	struct state *s = arg;

	bw_kube_cancel(&s->call);
	printf("cancelled\n");
	bw_loop_stop(s->loop);
}

static unsigned int flags_of(const char *s)
{
	static const char letters[] = "dmbitu";
	unsigned int flags = 0;

	for (; *s; s++)
		flags |= strchr(letters, *s) ? 1U << (strchr(letters, *s) - letters) : 0;
	return flags;
}

static void parse(struct bw_kube_request *r, struct state *s, char *arg)
{
	char *value = strchr(arg, '=');
	const struct {
		const char *key;
		const char **to;
	} texts[] = {
		{ "namespace", &r->namespace },
		{ "name", &r->name },
		{ "sub", &r->subresource },
		{ "body", &r->body },
		{ "manager", &r->manager },
		{ "fields", &r->field_selector },
		{ "labels", &r->label_selector },
		{ "rv", &r->resource_version },
		{ "match", &r->match },
		{ "cont", &r->cont },
		{ "uid", &r->uid },
	};

	if (!value)
		return;
	*value++ = '\0';
	for (size_t i = 0; i < BW_ARRAY_SIZE(texts); i++) {
		if (strcmp(texts[i].key, arg) == 0)
			*texts[i].to = value;
	}
	if (strcmp(arg, "limit") == 0)
		r->limit = (unsigned int)strtoul(value, NULL, 10);
	else if (strcmp(arg, "timeout") == 0)
		r->timeout_ms = (unsigned int)strtoul(value, NULL, 10);
	else if (strcmp(arg, "flags") == 0)
		r->flags = flags_of(value);
	else if (strcmp(arg, "cancel") == 0)
		(void)bw_timer_set(&s->cancel,
				   bw_loop_now_ns(s->loop) + strtol(value, NULL, 10) * MS);
}

static int parse_kind(struct bw_kube_kind *k, char *text)
{
	char *save = NULL;
	char *slash = strchr(text, '/');

	if (!slash)
		return -EINVAL;
	*slash = '\0';
	k->group = text;
	k->version = strtok_r(slash + 1, "/", &save);
	k->plural = strtok_r(NULL, "/", &save);
	slash = strtok_r(NULL, "/", &save);
	k->namespaced = slash && strcmp(slash, "namespaced") == 0;
	return k->plural ? 0 : -EINVAL;
}

static int run(int argc, char **argv, struct state *s, struct bw_kube_client *c, struct bw_err *err)
{
	struct bw_kube_kind kind = { 0 };
	struct bw_kube_request r = { .kind = &kind };
	int e;

	if (strcmp(argv[2], "version") == 0)
		return bw_kube_require_version(s->loop, c, err);
	for (int v = 0; v < BW_KUBE_VERB_MAX_; v++) {
		if (strcmp(bw_kube_verb_str((enum bw_kube_verb)v), argv[2]) == 0)
			r.verb = (enum bw_kube_verb)v;
	}
	if (r.verb == BW_KUBE_RAW)
		r.path = argv[3];
	else if (parse_kind(&kind, argv[3]) < 0)
		return bw_fail(err, EINVAL, "read the kind %s", argv[3]);
	bw_timer_init(&s->cancel, s->loop, on_cancel, s);
	for (int i = 4; i < argc; i++)
		parse(&r, s, argv[i]);
	bw_kube_cut_init(&s->cut, r.verb == BW_KUBE_LIST ? BW_KUBE_CUT_ITEMS : BW_KUBE_CUT_LINES,
			 on_piece, NULL);
	s->call.done = on_done;
	s->call.arg = s;
	if (r.verb == BW_KUBE_LIST || r.verb == BW_KUBE_WATCH)
		s->call.data = on_data;
	e = bw_kube_start(c, &r, &s->call, err);
	return e < 0 ? e : bw_loop_run(s->loop, err);
}

int main(int argc, char **argv)
{
	struct bw_kube_config *config = NULL;
	struct bw_kube_client *c = NULL;
	struct state s = { 0 };
	struct bw_err err = { 0 };
	int r;

	if (argc < 3 || (argc < 4 && strcmp(argv[2], "version") != 0))
		return 2;
	r = bw_loop_new(&s.loop, &err);
	if (r == 0)
		r = bw_kube_config_find(argv[1], NULL, &config, &err);
	if (r == 0)
		r = bw_kube_http_new(s.loop, &config, NULL, &c, &err);
	if (r == 0)
		r = run(argc, argv, &s, c, &err);
	if (r < 0)
		printf("error: %s\n", err.msg);
	bw_timer_stop(&s.cancel);
	bw_kube_cut_done(&s.cut);
	bw_kube_client_free(&c);
	bw_loop_free(&s.loop);
	return r < 0 ? 1 : s.code;
}

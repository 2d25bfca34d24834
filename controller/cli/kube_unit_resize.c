/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire unit resize: other cpu and memory for a container of the Unit's template. What is not
 * named stays, in the container and in all others.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>

#include "kube_cli.h"
#include "kube_unit_wait.h"

#define TRIES 8 /* somebody else writes to the Unit at the same time */
#define QUANTITY_MAX 32
#define WHAT "resize"

enum amount {
	LIMIT_CPU,
	LIMIT_MEMORY,
	REQUEST_CPU,
	REQUEST_MEMORY,
	AMOUNT_MAX_,
};

static const struct {
	const char *kind;
	const char *name;
} amounts[AMOUNT_MAX_] = {
	[LIMIT_CPU] = { "limits", "cpu" },
	[LIMIT_MEMORY] = { "limits", "memory" },
	[REQUEST_CPU] = { "requests", "cpu" },
	[REQUEST_MEMORY] = { "requests", "memory" },
};

/* One command at work. */
struct resize {
	struct cli_session *s;
	struct cli_unit u;
	const char *container;
	char want[AMOUNT_MAX_][QUANTITY_MAX]; /* "" = as it is */
	int64_t timeout_s;
};

static void resize_done(struct resize *z)
{
	cli_unit_done(&z->u);
}

static int refuse(const struct resize *z, const char *why)
{
	/* Nothing is left to do when stderr is gone, ignoring. */
	(void)fprintf(stderr, "barewire unit resize %s/%s: %s\n", z->u.ns, z->u.o.meta.name, why);
	return CLI_FOUND;
}

/* ARGUMENTS */

static int bad(const char *option, const char *text)
{
	/* as above, ignoring */
	(void)fprintf(stderr,
		      "barewire unit resize: %s: expected amounts such as cpu=500m,memory=2Gi, got "
		      "\"%.80s\"\n",
		      option, text);
	return CLI_USAGE;
}

/* What the server makes of it is the server's to say; what is no amount at all is said here. */
static int is_quantity(const char *s, size_t len)
{
	if (!len || len >= QUANTITY_MAX || s[0] < '0' || s[0] > '9')
		return 0;
	return strspn(s, "0123456789.numkMGTPEie+-") >= len;
}

static int set(struct resize *z, enum amount a, const char *text, size_t len)
{
	if (!is_quantity(text, len))
		return -1;
	memcpy(z->want[a], text, len);
	z->want[a][len] = '\0';
	return 0;
}

/* "cpu=1,memory=2Gi" of @kind. */
static int take_list(struct resize *z, const char *option, const char *kind, const char *text)
{
	for (const char *at = text; at;) {
		size_t len = strcspn(at, ",");
		int found = 0;

		for (size_t a = 0; a < AMOUNT_MAX_; a++) {
			size_t n = strlen(amounts[a].name);

			if (strcmp(amounts[a].kind, kind) != 0 || len <= n + 1 ||
			    strncmp(at, amounts[a].name, n) != 0 || at[n] != '=')
				continue;
			if (set(z, a, at + n + 1, len - n - 1) < 0)
				return bad(option, text);
			found = 1;
		}
		if (!found)
			return bad(option, text);
		at = at[len] ? at + len + 1 : NULL;
	}
	return CLI_OK;
}

static int take_one(struct resize *z, const char *option, const char *name, const char *text)
{
	for (size_t a = 0; a < AMOUNT_MAX_; a++)
		if (strcmp(amounts[a].name, name) == 0 && set(z, a, text, strlen(text)) < 0)
			return bad(option, text);
	return CLI_OK;
}

static int take_args(struct resize *z)
{
	const struct cli_kube_args *args = z->s->args;
	int r = CLI_OK;

	if (!args->cpu && !args->memory && !args->requests && !args->limits)
		return cli_usage("unit resize wants to know what is changed",
				 "--cpu, --memory, --requests or --limits");
	/* What is said of one kind counts more than what is said of both. */
	if (args->cpu)
		r = take_one(z, "--cpu", "cpu", args->cpu);
	if (!r && args->memory)
		r = take_one(z, "--memory", "memory", args->memory);
	if (!r && args->requests)
		r = take_list(z, "--requests", "requests", args->requests);
	if (!r && args->limits)
		r = take_list(z, "--limits", "limits", args->limits);
	return r ? r : cli_unit_timeout(args, &z->timeout_s);
}

/* WRITING */

static struct cJSON *object_in(struct bw_json_build *b, struct cJSON *in, const char *key)
{
	struct cJSON *at = cJSON_GetObjectItemCaseSensitive(in, key);

	return at ? at : bw_json_put_object(b, in, key);
}

/* Whether something in it is another now. */
static int change_container(const struct resize *z, struct bw_json_build *b, struct cJSON *c)
{
	int changed = 0;

	for (size_t a = 0; a < AMOUNT_MAX_; a++) {
		struct cJSON *list;
		const char *is;

		if (!z->want[a][0])
			continue;
		list = object_in(b, object_in(b, c, "resources"), amounts[a].kind);
		is = bw_json_get_str(list, amounts[a].name);
		if (is && strcmp(is, z->want[a]) == 0)
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(list, amounts[a].name);
		bw_json_put_str(b, list, amounts[a].name, z->want[a]);
		changed = 1;
	}
	return changed;
}

/* A merge knows no items of lists: all containers go back as they are. */
static int change_template(const struct resize *z, struct bw_json_build *b)
{
	const struct bw_db_unit_template_spec *t = &z->u.o.spec.template.spec;
	struct cJSON *root = bw_json_build_object(b);
	struct cJSON *spec;
	struct cJSON *list;
	struct cJSON *c;
	int changed = 0;

	bw_json_put_str(b, bw_json_put_object(b, root, "metadata"), "resourceVersion",
			z->u.o.meta.rv);
	spec = bw_json_put_object(b, bw_json_put_object(b, root, "spec"), "template");
	spec = bw_json_put_object(b, spec, "spec");
	bw_json_put_tree(b, spec, "containers", bw_json_get(t->raw, "containers"));
	list = cJSON_GetObjectItemCaseSensitive(spec, "containers");
	cJSON_ArrayForEach (c, list) {
		const char *name = bw_json_get_str(c, "name");

		if (name && strcmp(name, z->container) == 0)
			changed |= change_container(z, b, c);
	}
	return changed;
}

/* 1 it is written, 0 it is so already; -EAGAIN somebody was quicker; -errno. */
static int write_change(struct resize *z, struct bw_err *err)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *tree = NULL;
	bw_autofree char *body = NULL;
	int changed = change_template(z, &b);
	int r = bw_json_build_take(&b, &tree, err);

	if (r == 0)
		r = bw_json_print(tree, 0, &body, err);
	if (r < 0 || !changed)
		return r;
	r = cli_session_merge(z->s, &bw_kind_unit, z->u.ns, z->u.o.meta.name, body, err);
	return r < 0 ? r : 1;
}

/* CLI_*; *@ret: whether something was written. */
static int carry_out(struct resize *z, int *ret)
{
	struct bw_err err = { 0 };
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < TRIES; i++) {
		int code;

		cli_unit_done(&z->u);
		z->u.text = (struct bw_buf){ 0 };
		code = cli_unit_get(z->s, z->s->args->words[0], &z->u);
		if (!code)
			code = cli_unit_container(z->s, &z->u, &z->container);
		if (code)
			return code;
		if (z->u.o.meta.deleting)
			return refuse(z, "it is being deleted");
		r = write_change(z, &err);
	}
	*ret = r > 0;
	return r < 0 ? cli_fail(&err) : CLI_OK;
}

int cli_unit_resize(struct cli_session *s)
{
	BW_CLEANUP(resize_done) struct resize z = { .s = s };
	const struct bw_kube_meta *m = &z.u.o.meta;
	int waits = s->args->wait || s->args->timeout;
	struct cli_unit_goal goal;
	int wrote = 0;
	int r = take_args(&z);

	if (r == CLI_OK)
		r = carry_out(&z, &wrote);
	if (r != CLI_OK)
		return r;
	/* Nobody reads what cannot be printed, ignoring. */
	(void)printf("unit %s/%s: " WHAT ": %s\n", z.u.ns, m->name,
		     !wrote  ? "declared already"
		     : waits ? "declared"
			     : "declared; --wait tells how it goes");
	(void)fflush(stdout);
	goal = (struct cli_unit_goal){ .ns = z.u.ns,
				       .name = m->name,
				       .uid = m->uid,
				       .what = WHAT,
				       .resize = 1,
				       .generation = m->generation + wrote,
				       .timeout_s = z.timeout_s };
	return waits ? cli_unit_wait(s, &goal) : CLI_OK;
}

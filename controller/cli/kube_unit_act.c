/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire unit stop, start, restart, migrate, rebuild: each writes one field of the Unit's spec,
 * with the resourceVersion that was read, and nothing that the controller would refuse anyway.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/loop.h>

#include "kube_cli.h"
#include "kube_unit_act.h"
#include "kube_unit_wait.h"

#define TRIES 8 /* somebody else writes to the Unit at the same time */
#define ID_MAX 63 /* conf/crds: maxLength */
#define WHAT_MAX 96

enum verdict {
	WRITE,
	SAME, /* it is so already */
	REFUSED, /* .why says why */
};

/* One command at work. */
struct change {
	struct cli_session *s;
	const char *verb;
	enum bw_db_unit_action_type type; /* NONE = .startup */
	int startup;
	struct cli_unit u;
	char id[ID_MAX + 1]; /* of the action that is meant */
	char what[WHAT_MAX];
	char why[CLI_WHY_MAX];
	int64_t timeout_s;
};

static void change_done(struct change *c)
{
	cli_unit_done(&c->u);
}

/* Cut texts are fine, ignoring. */
static enum verdict refuse(struct change *c, const char *fmt, ...) BW_PRINTF(2, 3);
static enum verdict refuse(struct change *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return REFUSED;
}

/* IDS */

static int is_letter_or_digit(char x)
{
	return (x >= '0' && x <= '9') || ((x | 0x20) >= 'a' && (x | 0x20) <= 'z');
}

/* conf/crds: pattern of spec.action.id */
static int is_id(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > ID_MAX || !is_letter_or_digit(s[0]) || !is_letter_or_digit(s[n - 1]))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!is_letter_or_digit(s[i]) && !strchr("-._", s[i]))
			return 0;
	return 1;
}

/* "restart-20261122-031823-1f3a": tells people when, and is nobody else's. */
static int make_id(struct change *c, struct bw_err *err)
{
	time_t now = (time_t)bw_loop_real_s(c->s->loop);
	uint16_t salt = 0;
	struct tm tm;
	char when[32];

	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt) || !gmtime_r(&now, &tm) ||
	    !strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm))
		return bw_fail(err, EIO, "make an id");
	(void)snprintf(c->id, sizeof(c->id), "%s-%s-%04x", c->verb, when, salt); /* fits */
	return 0;
}

/* WHAT IS MEANT */

static int is_pending(const struct bw_db_unit *u)
{
	return u->spec.has_action && !cli_unit_has_run(u, u->spec.action.id) &&
	       !(u->status.has_action && strcmp(u->status.action.id, u->spec.action.id) == 0);
}

/* The command that a type is cancelled by. */
static const char *verb_of(const char *type)
{
	static const char *const verbs[][2] = { { "Restart", "restart" },
						{ "Rebuild", "rebuild" },
						{ "Migrate", "migrate" } };

	for (size_t i = 0; i < BW_ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i][0], type) == 0)
			return verbs[i][1];
	return "describe";
}

/* Whether an action of this Unit can begin now. */
static enum verdict may_act(struct change *c)
{
	const struct bw_db_unit *u = &c->u.o;
	const struct bw_db_unit_status_action *a = &u->status.action;
	const char *type = bw_db_unit_status_action_type_str(a->type);

	if (u->meta.deleting)
		return refuse(c, "it is being deleted");
	if (!u->spec.startup)
		return refuse(c, "it is stopped (startup: false): barewire unit start %s/%s first",
			      c->u.ns, u->meta.name);
	if (u->spec.maintenance)
		return refuse(c, "spec.maintenance is true, and no action begins: set it to false "
				 "first");
	if (bw_view_unit_acts(u))
		return refuse(c,
			      "action %s (%s) runs, in step %s: wait for it, or barewire unit %s "
			      "%s/%s --cancel",
			      a->id, type, a->step ? a->step : "-", verb_of(type), c->u.ns,
			      u->meta.name);
	if (!is_pending(u))
		return WRITE;
	type = bw_db_unit_action_type_str(u->spec.action.type);
	return refuse(
		c,
		"action %s (%s) is asked for and has not begun: wait for it, or barewire unit "
		"%s %s/%s --cancel",
		u->spec.action.id, type, verb_of(type), c->u.ns, u->meta.name);
}

/* The same command again, as scripts say it. */
static enum verdict is_said_again(struct change *c)
{
	const struct bw_db_unit *u = &c->u.o;

	if (!c->s->args->id)
		return WRITE;
	if (u->spec.has_action && strcmp(u->spec.action.id, c->id) == 0) {
		if (u->spec.action.type != c->type)
			return refuse(c, "action %s is %s: give the action another --id", c->id,
				      bw_db_unit_action_type_str(u->spec.action.type));
		return SAME;
	}
	if (cli_unit_has_run(u, c->id))
		return refuse(c,
			      "action %s has run already, and one id runs once: give the action "
			      "another --id",
			      c->id);
	return WRITE;
}

/* Data that is on one node cannot follow. */
static enum verdict may_leave(struct change *c)
{
	const struct bw_db_unit_status *st = &c->u.o.status;
	const char *to = c->s->args->node;

	for (size_t i = 0; i < st->volumes.n; i++) {
		const struct bw_db_unit_status_volume *v = &st->volumes.items[i];

		if (!v->retained && v->node_name && (!to || strcmp(to, v->node_name) != 0))
			return refuse(
				c,
				"volume %s (claim %s) is bound to node %s and its data cannot "
				"follow: barewire unit rebuild begins with an empty one and "
				"keeps it",
				v->name, v->claim_name, v->node_name);
	}
	return WRITE;
}

static enum verdict decide_action(struct change *c)
{
	const char *to = c->s->args->node;
	const char *is = c->u.o.status.node_name;
	enum verdict v = is_said_again(c);

	if (v == WRITE)
		v = may_act(c);
	if (v != WRITE)
		return v;
	if (to && is && strcmp(to, is) == 0)
		return refuse(c, "it is on node %s already%s", to,
			      c->type == BW_DB_UNIT_ACTION_TYPE_REBUILD
				      ? ": --in-place rebuilds it there"
				      : "");
	if (to && !cli_node_takes(c->s, &c->u.o, to, c->why))
		return REFUSED;
	return c->type == BW_DB_UNIT_ACTION_TYPE_MIGRATE ? may_leave(c) : WRITE;
}

/* Past its last reversible step a cancelled one only fails. */
static enum verdict may_cancel(struct change *c, const struct bw_db_unit_status_action *a)
{
	const char *last = a->last_reversible_step;

	if (a->phase == BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLING)
		return SAME;
	if (!last || !a->step || strcmp(last, a->step) == 0 || strcmp(last, "Start") == 0 ||
	    strcmp(a->step, "Prepare") == 0)
		return WRITE;
	return refuse(c, "action %s (%s) is in step %s, and can be cancelled until %s: wait for it",
		      a->id, bw_db_unit_status_action_type_str(a->type), a->step, last);
}

static enum verdict decide_cancel(struct change *c)
{
	const struct bw_db_unit *u = &c->u.o;
	const struct bw_db_unit_action *asked = &u->spec.action;
	const struct bw_db_unit_status_action *a = &u->status.action;
	int runs = u->spec.has_action && bw_view_unit_acts(u) && strcmp(a->id, asked->id) == 0;

	if (!runs && bw_view_unit_acts(u))
		return refuse(c,
			      "action %s runs and spec.action is another one: it can be cancelled "
			      "no more",
			      a->id);
	if (!runs && !is_pending(u))
		return refuse(c, "no action runs or waits");
	if (asked->type != c->type)
		return refuse(c, "action %s is %s: barewire unit %s %s/%s --cancel", asked->id,
			      bw_db_unit_action_type_str(asked->type),
			      verb_of(bw_db_unit_action_type_str(asked->type)), c->u.ns,
			      u->meta.name);
	if (c->s->args->id && strcmp(c->s->args->id, asked->id) != 0)
		return refuse(c, "action %s is not %s: leave --id out, or name it", asked->id,
			      c->s->args->id);
	(void)snprintf(c->id, sizeof(c->id), "%s", asked->id); /* bounded, ignoring */
	if (asked->cancel)
		return SAME;
	return runs ? may_cancel(c, a) : WRITE;
}

static enum verdict decide_startup(struct change *c)
{
	if (c->u.o.meta.deleting)
		return refuse(c, "it is being deleted");
	return !!c->u.o.spec.startup == c->startup ? SAME : WRITE;
}

static enum verdict decide(struct change *c)
{
	if (c->type == BW_DB_UNIT_ACTION_TYPE_NONE)
		return decide_startup(c);
	return c->s->args->cancel ? decide_cancel(c) : decide_action(c);
}

/* WRITING */

/* In a merge what another action has said stays unless it is taken away. */
static void put_or_null(struct bw_json_build *b, struct cJSON *to, const char *key,
			const char *text, int yes)
{
	if (text)
		bw_json_put_str(b, to, key, text);
	else if (yes)
		bw_json_put_bool(b, to, key, 1);
	else if (!cJSON_AddNullToObject(to, key))
		b->failed = 1;
}

static void put_action(const struct change *c, struct bw_json_build *b, struct cJSON *spec)
{
	const struct cli_kube_args *args = c->s->args;
	struct cJSON *a = bw_json_put_object(b, spec, "action");

	bw_json_put_str(b, a, "id", c->id);
	if (args->cancel) {
		bw_json_put_bool(b, a, "cancel", 1);
		return;
	}
	bw_json_put_str(b, a, "type", bw_db_unit_action_type_str(c->type));
	put_or_null(b, a, "nodeName", args->node, 0);
	put_or_null(b, a, "inPlace", NULL, args->in_place);
	put_or_null(b, a, "force", NULL, args->force);
	bw_json_put_bool(b, a, "cancel", 0);
}

static int write_change(struct change *c, struct bw_err *err)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *tree = NULL;
	bw_autofree char *body = NULL;
	const struct bw_kube_meta *m = &c->u.o.meta;
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *spec;
	int r;

	bw_json_put_str(&b, bw_json_put_object(&b, root, "metadata"), "resourceVersion", m->rv);
	spec = bw_json_put_object(&b, root, "spec");
	if (c->type == BW_DB_UNIT_ACTION_TYPE_NONE)
		bw_json_put_bool(&b, spec, "startup", c->startup);
	else
		put_action(c, &b, spec);
	r = bw_json_build_take(&b, &tree, err);
	if (r == 0)
		r = bw_json_print(tree, 0, &body, err);
	return r < 0 ? r : cli_session_merge(c->s, &bw_kind_unit, c->u.ns, m->name, body, err);
}

/* Reads, decides and writes, again when somebody was quicker. CLI_*. */
static int carry_out(struct change *c, enum verdict *ret)
{
	struct bw_err err = { 0 };
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < TRIES; i++) {
		int code;

		cli_unit_done(&c->u);
		c->u.text = (struct bw_buf){ 0 };
		code = cli_unit_get(c->s, c->s->args->words[0], &c->u);
		if (code)
			return code;
		*ret = decide(c);
		if (*ret != WRITE)
			return CLI_OK;
		r = write_change(c, &err);
	}
	return r < 0 ? cli_fail(&err) : CLI_OK;
}

/* TELLING */

static void name_it(struct change *c)
{
	const char *cancel = c->s->args->cancel ? "cancel " : "";

	if (c->type == BW_DB_UNIT_ACTION_TYPE_NONE)
		(void)snprintf(c->what, sizeof(c->what), "%s", c->verb); /* fits, ignoring */
	else
		(void)snprintf(c->what, sizeof(c->what), "%s%s %s", cancel,
			       bw_db_unit_action_type_str(c->type), c->id); /* fits, ignoring */
}

static int finish(struct change *c, enum verdict v)
{
	const struct bw_kube_meta *m = &c->u.o.meta;
	struct cli_unit_goal goal = { .ns = c->u.ns,
				      .name = m->name,
				      .uid = m->uid,
				      .what = c->what,
				      .cancel = c->s->args->cancel,
				      .startup = c->startup,
				      .generation = m->generation + (v == WRITE),
				      .timeout_s = c->timeout_s };
	int waits = c->s->args->wait || c->s->args->timeout;

	if (v == REFUSED) {
		/* Nothing is left to do when stderr is gone, ignoring. */
		(void)fprintf(stderr, "barewire unit %s %s/%s: %s\n", c->verb, c->u.ns, m->name,
			      c->why);
		return CLI_FOUND;
	}
	if (c->type != BW_DB_UNIT_ACTION_TYPE_NONE)
		goal.id = c->id;
	name_it(c);
	/* Nobody reads what cannot be printed, ignoring. */
	(void)printf("unit %s/%s: %s: %s\n", c->u.ns, m->name, c->what,
		     v == SAME ? "asked for already"
		     : waits   ? "asked for"
			       : "asked for; --wait tells how it goes");
	(void)fflush(stdout);
	return waits ? cli_unit_wait(c->s, &goal) : CLI_OK;
}

/* THE COMMANDS */

static int run(struct change *c)
{
	const struct cli_kube_args *args = c->s->args;
	struct bw_err err = { 0 };
	enum verdict v = REFUSED;
	int r = cli_unit_timeout(args, &c->timeout_s);

	if (r)
		return r;
	if (args->id && !is_id(args->id)) {
		/* as above, ignoring */
		(void)fprintf(stderr,
			      "barewire unit %s: --id: expected at most %d letters, digits and -._ "
			      "between them, got \"%.80s\"\n",
			      c->verb, ID_MAX, args->id);
		return CLI_USAGE;
	}
	if (args->id)
		(void)snprintf(c->id, sizeof(c->id), "%s", args->id); /* bounded, ignoring */
	else if (c->type != BW_DB_UNIT_ACTION_TYPE_NONE && make_id(c, &err) < 0)
		return cli_fail(&err);
	if (args->cancel && (args->node || args->in_place || args->force))
		return cli_usage("--cancel gives the action up and takes no --to, --in-place or "
				 "--force",
				 NULL);
	r = carry_out(c, &v);
	return r ? r : finish(c, v);
}

int cli_unit_stop(struct cli_session *s)
{
	BW_CLEANUP(change_done) struct change c = { .s = s, .verb = "stop" };

	return run(&c);
}

int cli_unit_start(struct cli_session *s)
{
	BW_CLEANUP(change_done) struct change c = { .s = s, .verb = "start", .startup = 1 };

	return run(&c);
}

int cli_unit_restart(struct cli_session *s)
{
	BW_CLEANUP(change_done)
	struct change c = { .s = s, .verb = "restart", .type = BW_DB_UNIT_ACTION_TYPE_RESTART };

	return run(&c);
}

int cli_unit_migrate(struct cli_session *s)
{
	BW_CLEANUP(change_done)
	struct change c = { .s = s, .verb = "migrate", .type = BW_DB_UNIT_ACTION_TYPE_MIGRATE };

	return run(&c);
}

int cli_unit_rebuild(struct cli_session *s)
{
	BW_CLEANUP(change_done)
	struct change c = { .s = s, .verb = "rebuild", .type = BW_DB_UNIT_ACTION_TYPE_REBUILD };

	if (s->args->node && s->args->in_place)
		return cli_usage("--in-place stays on its node and --to leaves it", "name one");
	if (!s->args->cancel) {
		/* Nobody reads what cannot be printed, ignoring. */
		(void)printf("unit %s begins with new and empty volumes; those it has are kept as "
			     "retained claims until you delete them\n",
			     s->args->words[0]);
		if (!cli_ask(s->args, "unit rebuild", "--yes does it"))
			return CLI_FOUND;
	}
	return run(&c);
}

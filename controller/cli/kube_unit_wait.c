/* SPDX-License-Identifier: Apache-2.0 */
/* --wait: looks at a Unit until what was asked for is done, and tells each step once. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/loop.h>

#include "kube_cli.h"
#include "kube_unit_wait.h"

#define NS_PER_MS 1000000LL
#define NS_PER_S (1000 * NS_PER_MS)
#define LOOK_MS 500
#define TIMEOUT_S 600
#define TIMEOUT_MAX_S (7L * 86400)
#define TEXT_MAX 1024 /* of a line of progress; longer ones are cut */

enum end {
	GOES_ON,
	DONE,
	NOT, /* and it never will be */
};

struct wait {
	struct cli_session *s;
	const struct cli_unit_goal *goal;
	int64_t start_ns;
	char text[TEXT_MAX]; /* how it stands */
	char told[TEXT_MAX];
	char reason[64]; /* of Ready */
};

int cli_unit_timeout(const struct cli_kube_args *args, int64_t *ret_s)
{
	static const struct {
		const char *unit;
		int64_t s;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	const char *text = args->timeout;
	int64_t n = 0;
	size_t len;

	*ret_s = TIMEOUT_S;
	if (!text)
		return 0;
	for (len = 0; text[len] >= '0' && text[len] <= '9' && n <= TIMEOUT_MAX_S; len++)
		n = n * 10 + text[len] - '0';
	for (size_t i = 0; len && i < BW_ARRAY_SIZE(units); i++)
		if (strcmp(text + len, units[i].unit) == 0 && n > 0 &&
		    n * units[i].s <= TIMEOUT_MAX_S) {
			*ret_s = n * units[i].s;
			return 0;
		}
	/* Nothing is left to do when stderr is gone, ignoring. */
	(void)fprintf(stderr,
		      "barewire: --timeout: expected a time such as 90s, 5m or 1h, got "
		      "\"%.64s\"\n",
		      text);
	return CLI_USAGE;
}

/* JUDGING */

static const struct bw_kube_condition *condition(const struct bw_db_unit *u, const char *type)
{
	return bw_kube_condition_get(u->status.conditions.items, u->status.conditions.n, type);
}

static int says(const struct bw_db_unit *u, const char *type)
{
	const struct bw_kube_condition *c = condition(u, type);

	return c && strcmp(c->status, "True") == 0;
}

/* Cut texts are fine, ignoring: here and below. */
static enum end say(struct wait *w, enum end end, const char *fmt, ...) BW_PRINTF(3, 4);
static enum end say(struct wait *w, enum end end, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
	return end;
}

static enum end judge_phase(struct wait *w, const struct bw_db_unit_status_action *a)
{
	const char *message = a->message ? a->message : "";

	switch (a->phase) {
	case BW_DB_UNIT_STATUS_ACTION_PHASE_SUCCEEDED:
		return say(w, w->goal->cancel ? NOT : DONE, "%s%s",
			   w->goal->cancel ? "it succeeded before it could be cancelled: " : "",
			   message);
	case BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLED:
		return say(w, w->goal->cancel ? DONE : NOT, "cancelled: %s", message);
	case BW_DB_UNIT_STATUS_ACTION_PHASE_FAILED:
		return say(w, NOT, "failed: %s", message);
	case BW_DB_UNIT_STATUS_ACTION_PHASE_NONE:
	case BW_DB_UNIT_STATUS_ACTION_PHASE_RUNNING:
	case BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLING:
	case BW_DB_UNIT_STATUS_ACTION_PHASE_MAX_:
		break;
	}
	return say(w, GOES_ON, "%s%s%s: %s", bw_db_unit_status_action_phase_str(a->phase),
		   a->step ? ", step " : "", a->step ? a->step : "", message);
}

static enum end judge_action(struct wait *w, const struct bw_db_unit *u)
{
	const struct bw_kube_condition *c = condition(u, "ActionWaiting");
	const char *id = w->goal->id;

	if (u->status.has_action && strcmp(u->status.action.id, id) == 0)
		return judge_phase(w, &u->status.action);
	if (cli_unit_has_run(u, id))
		return say(w, NOT, "it is over, and the status tells of a later action");
	if (!u->spec.has_action || strcmp(u->spec.action.id, id) != 0)
		return say(w, NOT, "%s%s took its place before it began",
			   u->spec.has_action ? "action " : "nothing",
			   u->spec.has_action ? u->spec.action.id : "");
	if (c)
		return say(w, GOES_ON, "%s", c->message ? c->message : c->reason);
	c = condition(u, "NotFollowed");
	if (c && c->message && strstr(c->message, "spec.action"))
		return say(w, NOT, "the controller of this cluster does no actions: %s",
			   c->message);
	return say(w, GOES_ON, "waits for the controller");
}

/* Whether the controller has refused to stop the process in its pod. */
static const struct bw_kube_condition *refusal(const struct wait *w, const struct bw_db_unit *u)
{
	static const char *const reasons[] = { "NoCommand", "ProbeNotSupported", "FolderTaken",
					       "LaunchesItself", "PodWithoutLauncher" };
	const struct bw_kube_condition *c = condition(u, "Stopped");

	for (size_t i = 0; c && !w->goal->startup && i < BW_ARRAY_SIZE(reasons); i++)
		if (c->reason && strcmp(c->reason, reasons[i]) == 0 &&
		    c->observed_generation >= w->goal->generation)
			return c;
	return NULL;
}

static enum end judge_startup(struct wait *w, const struct bw_db_unit *u)
{
	enum bw_db_unit_status_phase want =
		w->goal->startup ? BW_DB_UNIT_STATUS_PHASE_READY : BW_DB_UNIT_STATUS_PHASE_STOPPED;
	/* A template that is refused holds the generation back, and a stop needs none. */
	int seen = u->status.observed_generation >= w->goal->generation ||
		   (!w->goal->startup && says(u, "TemplateInvalid"));

	const struct bw_kube_condition *refused = refusal(w, u);

	if (refused)
		return say(w, NOT, "%s: %s; %s", refused->reason,
			   refused->message ? refused->message : "",
			   bw_view_unit_hint(refused->reason));
	if (!!u->spec.startup != !!w->goal->startup)
		return say(w, NOT, "somebody has set spec.startup to %s meanwhile",
			   u->spec.startup ? "true" : "false");
	if (seen && u->status.phase == want && (!w->goal->startup || says(u, "Ready")))
		return say(w, DONE, "%s", w->goal->startup ? "it is Ready" : "it is stopped");
	return say(w, GOES_ON, "%s%s%s", bw_db_unit_status_phase_str(u->status.phase),
		   u->status.task ? ": " : "", u->status.task ? u->status.task : "");
}

/* What the node can never have nobody waits for. */
static enum end judge_resize(struct wait *w, const struct bw_db_unit *u)
{
	const struct bw_kube_condition *invalid = condition(u, "TemplateInvalid");
	const struct bw_kube_condition *c = condition(u, "Resizing");
	const char *task = u->status.task ? u->status.task : "";

	if (invalid && invalid->observed_generation >= w->goal->generation)
		return say(w, NOT, "the server refuses it: %s",
			   invalid->message ? invalid->message : "");
	if (u->status.observed_generation < w->goal->generation)
		return say(w, GOES_ON, "waits for the controller");
	if (c && c->reason && strcmp(c->reason, "ResizeInfeasible") == 0)
		return say(w, NOT, "%s", c->message ? c->message : "");
	if (c)
		return say(w, GOES_ON, "%s: %s", c->reason ? c->reason : "",
			   c->message ? c->message : "");
	if (!u->spec.startup)
		return say(w, DONE, "it is stopped, and has them when it is started");
	if (says(u, "Ready"))
		return say(w, DONE, "it is Ready");
	return say(w, GOES_ON, "%s: %s", bw_db_unit_status_phase_str(u->status.phase), task);
}

static enum end judge(struct wait *w, const struct bw_db_unit *u)
{
	const struct bw_kube_condition *ready = condition(u, "Ready");

	(void)snprintf(w->reason, sizeof(w->reason), "%s",
		       ready && strcmp(ready->status, "True") != 0 && ready->reason ? ready->reason
										    : "");
	if (strcmp(u->meta.uid, w->goal->uid) != 0)
		return say(w, NOT, "it was deleted and made again meanwhile");
	if (w->goal->resize)
		return judge_resize(w, u);
	return w->goal->id ? judge_action(w, u) : judge_startup(w, u);
}

/* LOOKING */

/* A server that does not answer now may do so later. */
static enum end look(struct wait *w)
{
	BW_CLEANUP(cli_unit_done) struct cli_unit u = { 0 };
	struct bw_err err = { 0 };
	int r = cli_session_get(w->s, &bw_kind_unit, w->goal->ns, w->goal->name, &u.text, &err);

	if (r == 0)
		return say(w, NOT, "it was deleted meanwhile");
	if (r > 0 && bw_db_unit_decode(u.text.data, u.text.size, &u.o, &err) < 0)
		return say(w, NOT, "the Unit cannot be read: %s", err.msg);
	if (r < 0)
		return say(w, r == -EACCES || r == -EPERM ? NOT : GOES_ON, "cannot look: %s",
			   err.msg);
	return judge(w, &u.o);
}

static int64_t elapsed_s(const struct wait *w)
{
	return (bw_loop_now_ns(w->s->loop) - w->start_ns) / NS_PER_S;
}

static void tell(struct wait *w)
{
	if (strcmp(w->text, w->told) == 0)
		return;
	memcpy(w->told, w->text, sizeof(w->told));
	/* Nothing is left to do when stderr is gone, ignoring. */
	(void)fprintf(stderr, "%5" PRId64 "s  %s\n", elapsed_s(w), w->text);
}

static void never(void *arg)
{
	(void)arg; /* that the time has come is all */
}

static int pause_for(struct bw_loop *loop, int64_t ms, struct bw_err *err)
{
	struct bw_timer t = { 0 };
	int r;

	bw_timer_init(&t, loop, never, NULL);
	r = bw_timer_set(&t, bw_loop_now_ns(loop) + ms * NS_PER_MS);
	if (r < 0)
		return bw_fail(err, -r, "wait");
	while (r >= 0 && bw_timer_is_set(&t))
		r = bw_loop_step(loop, LOOK_MS, INT64_MAX, err);
	bw_timer_stop(&t);
	return r < 0 ? r : 0;
}

static int too_long(const struct wait *w, int64_t timeout_s)
{
	const char *hint = bw_view_unit_hint(w->reason);

	/* as above, ignoring: here and below */
	(void)fprintf(stderr,
		      "barewire: unit %s/%s: %s: not done after %" PRId64
		      " s, and it goes on; barewire unit describe %s/%s tells how\n",
		      w->goal->ns, w->goal->name, w->goal->what, timeout_s, w->goal->ns,
		      w->goal->name);
	if (hint)
		(void)fprintf(stderr, "%s: %s\n", w->reason, hint);
	return CLI_FOUND;
}

int cli_unit_wait(struct cli_session *s, const struct cli_unit_goal *goal)
{
	struct wait w = { .s = s, .goal = goal, .start_ns = bw_loop_now_ns(s->loop) };
	struct bw_err err = { 0 };
	enum end end;

	while ((end = look(&w)) == GOES_ON) {
		tell(&w);
		if (elapsed_s(&w) >= goal->timeout_s)
			return too_long(&w, goal->timeout_s);
		if (pause_for(s->loop, LOOK_MS, &err) < 0)
			return cli_fail(&err);
	}
	if (end == NOT) {
		(void)fprintf(stderr, "barewire: unit %s/%s: %s: %s\n", goal->ns, goal->name,
			      goal->what, w.text);
		return CLI_FOUND;
	}
	(void)printf("unit %s/%s: %s: done in %" PRId64 " s%s%s\n", goal->ns, goal->name,
		     goal->what, elapsed_s(&w), w.text[0] ? ": " : "", w.text);
	return CLI_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onChange: Signal. The kubelet brings a changed file into the container some time after it was
 * written: barewire-launch is asked until it finds them there, by their hash or, where secrets are
 * in them, by the mark that was written with them, and then signals the process.
 * Twice, if a crash comes before the status says that it was.
 */
#include <string.h>

#include "impl.h"
#include "launch.h"
#include "told.h"

#define FAILED "SignalFailed"
#define POLL_MS 5000 /* a kubelet looks about once a minute */
#define NOT_THERE 3 /* barewire-launch(8): the files are not there, or the process is not */

static int is_asked(const struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;

	return s->has_config && s->config.on_change == BW_DB_UNIT_CONFIG_ON_CHANGE_SIGNAL;
}

int unit_signal_is_followed(const struct unit_run *k)
{
	struct launch_refusal r;

	launch_judge(k->unit, &r);
	return !is_asked(k) || (k->c->launch_image && !r.reason &&
				!(k->config.secret && unit_config_declares(k, UNIT_CONFIG_MARK)));
}

/* A process that is there, with files that are not those that it has. */
static int is_wanted(const struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;

	return k->config.settled && s->startup && !s->maintenance &&
	       (k->pod_state == UNIT_POD_RUNNING || k->pod_state == UNIT_POD_READY) &&
	       unit_config_delivered(k) && strcmp(unit_config_delivered(k), k->config.hash) != 0;
}

static int can_be_told(const struct unit_run *k)
{
	return k->c->launch_image && unit_may_be_told(k) && unit_can_be_told(k) &&
	       !unit_is_unreachable(k) && !unit_is_halted(k);
}

static void ask(struct unit_run *k)
{
	const char *const argv[] = { LAUNCH_PROGRAM, "reload", k->config.hash, NULL };

	unit_tell(k, UNIT_AIM_RELOAD, argv, 0);
}

void unit_signal(struct unit_run *k)
{
	const struct unit_told *t;

	if (!is_asked(k) || !unit_signal_is_followed(k) || !is_wanted(k)) {
		bw_kube_conds_clear(&k->conds, FAILED);
		return;
	}
	if (!can_be_told(k))
		return;
	if (unit_config_is_elsewhere(k)) {
		unit_warn(k, FAILED, 1, FAILED,
			  "the pod mounts the object that its files were in before one of them got "
			  "a secret, or lost the last: make another by an action Restart");
		return;
	}
	t = unit_told(k, UNIT_AIM_RELOAD);
	if (t && strcmp(t->about, k->config.hash) != 0)
		t = NULL; /* of the files before */
	if (t && t->exit_code == 0) {
		k->signalled = 1;
		bw_kube_conds_clear(&k->conds, FAILED);
		bw_plan_event(k->plan, k->o, BW_EVENT_NORMAL, "ConfigSignalled",
			      "the process was told of its new files");
		return;
	}
	if (t && t->exit_code != NOT_THERE && t->seen != SEEN_LITTLE)
		unit_warn(k, FAILED, 1, FAILED, t->text);
	if (!t || unit_told_is_due(k, t, t->exit_code == NOT_THERE ? POLL_MS : UNIT_RETRY_MS))
		ask(k);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the stories of actions share: two nodes, and what is seen of each commit. One file only. */
#pragma once

#include "story.h"

static unsigned int marked; /* pods that were born with an action's mark */

/* I1, and how often an action makes a pod. */
static inline void on_commit(const struct sim_version *v, const char *by, void *arg)
{
	const struct sim_key *k = v->key;
	char text[256];

	(void)by;
	sim_server_committed(arg);
	if (!story_pod_is_born(v))
		return;
	/* It may be on its way from the node before: then the pod's network waits, not the pod. */
	assert_true(*bed_get(&u->bed, SIM_CLAIM, k->namespace, k->name, "status.interfaces.0.ips.0",
			     text));
	marked += strstr(v->text, "\"db.barewire.dev/action\"") != NULL;
}

/* As story_set_up(), with another node. */
static inline int action_set_up(void **state)
{
	(void)story_set_up(state); /* never fails, ignoring */
	bed_put(&u->bed, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n2\"}}");
	sim_store_on_commit(u->bed.store, on_commit, &u->bed.server);
	marked = 0;
	return 0;
}

/* The same afresh within a test. */
static inline void action_begin_again(void **state)
{
	(void)story_tear_down(state); /* never fails, ignoring */
	(void)action_set_up(state); /* never fails, ignoring */
}

/*
 * A life to its end, then one for each of its writes, before which the controller dies. @life
 * returns how many writes it took.
 */
static inline void action_crash_everywhere(void **state,
					   unsigned int (*life)(unsigned int crash_at),
					   const char *with)
{
	unsigned int all = life(0);

	assert_in_range(all, 10, 200);
	print_message("# %u writes with %s\n", all, with);
	for (unsigned int n = 1; n <= all; n++) {
		action_begin_again(state);
		(void)life(n);
	}
}

#define ACTION_STORY(fn) cmocka_unit_test_setup_teardown(fn, action_set_up, story_tear_down)

static inline void unit_is(const char *path, const char *want)
{
	ubed_expect(u, SIM_UNIT, "r", path, want);
}

static inline void make(void)
{
	bed_put(&u->bed, UNIT_JSON("r", "", ""));
	ubed_live(u, 5000);
	unit_is("status.phase", "Ready");
}

static inline void change(const char *json)
{
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL, json);
}

static inline void pod_uid(char out[256])
{
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", out);
}

static inline void ended(const char *id, const char *phase)
{
	char text[256];

	unit_is("status.action.id", id);
	unit_is("status.action.phase", phase);
	assert_true(*bed_get(&u->bed, SIM_UNIT, "db", "r", "status.action.completionTime", text));
}

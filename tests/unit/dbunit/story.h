/* SPDX-License-Identifier: Apache-2.0 */
/* A fresh bed of Units under a leader for each test of a file. Include it once in a program. */
#pragma once

#include "unitbed.h"

static struct ubed story_bed;
static struct ubed *const u = &story_bed;

static inline int story_set_up(void **state)
{
	(void)state;
	ubed_init(u);
	return 0;
}

static inline int story_tear_down(void **state)
{
	(void)state;
	ubed_done(u);
	return 0;
}

#define STORY(fn) cmocka_unit_test_setup_teardown(fn, story_set_up, story_tear_down)

/* Of a condition of the Unit r; "" = it has none such. */
static inline void reason_is(const char *type, const char *want)
{
	char got[256];

	assert_string_equal(ubed_reason(u, "r", type, got), want);
}

/* This commit makes a pod. */
static inline int story_pod_is_born(const struct sim_version *v)
{
	return v->key->kind == &sim_kinds[SIM_POD] && v->key->tree && !v->deleted &&
	       (!v->prev || v->prev->deleted);
}

/* The plan of the Unit r as the cache has it, as text; to be freed. */
static inline char *story_plan(int *ret)
{
	struct bw_kube_object *o = bw_kube_store_get(u->unit->st.units, "db", "r");
	struct bw_plan *plan = NULL;
	char *text = NULL;
	struct bw_err err = { 0 };

	*ret = bw_plan_new(&plan, &err);
	if (*ret == 0)
		*ret = unit_reconcile("db", "r", o, plan, u->unit, &err);
	if (*ret == 0)
		*ret = bw_plan_print(plan, &text, &err);
	bw_plan_free(&plan);
	return text;
}

/*
 * A life to its end, then one for each of its writes, before which the controller dies; @watch sees
 * what is committed. @life returns how many writes it took.
 */
static inline void story_crash_everywhere(unsigned int (*life)(unsigned int crash_at),
					  void (*watch)(const struct sim_version *v, const char *by,
							void *arg))
{
	unsigned int all;

	sim_store_on_commit(u->bed.store, watch, &u->bed.server);
	all = life(0);
	assert_in_range(all, 10, 200);
	print_message("# %u writes in a life\n", all);
	for (unsigned int n = 1; n <= all; n++) {
		ubed_done(u);
		ubed_init(u);
		sim_store_on_commit(u->bed.store, watch, &u->bed.server);
		(void)life(n);
	}
}

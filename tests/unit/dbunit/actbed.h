/* SPDX-License-Identifier: Apache-2.0 */
/* What the stories of actions share: two nodes, and what is seen of each commit. One file only. */
#pragma once

#include "unitbed.h"

static struct ubed ubed;
static struct ubed *const u = &ubed;
static unsigned int marked; /* pods that were born with an action's mark */

/* I1, and how often an action makes a pod. */
static inline void on_commit(const struct sim_version *v, const char *by, void *arg)
{
	const struct sim_key *k = v->key;
	char text[256];

	(void)by;
	sim_server_committed(arg);
	if (k->kind != &sim_kinds[SIM_POD] || !k->tree || v->deleted ||
	    (v->prev && !v->prev->deleted))
		return;
	/* It may be on its way from the node before: then the pod's network waits, not the pod. */
	assert_true(*bed_get(&u->bed, SIM_CLAIM, k->namespace, k->name, "status.interfaces.0.ips.0",
			     text));
	marked += strstr(v->text, "\"db.barewire.dev/action\"") != NULL;
}

static inline int set_up(void **state)
{
	(void)state;
	ubed_init(u);
	bed_put(&u->bed, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n2\"}}");
	sim_store_on_commit(u->bed.store, on_commit, &u->bed.server);
	marked = 0;
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	ubed_done(u);
	return 0;
}

static inline void reason_is(const char *type, const char *want)
{
	char got[256];

	assert_string_equal(ubed_reason(u, "r", type, got), want);
}

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

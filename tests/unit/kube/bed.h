/* SPDX-License-Identifier: Apache-2.0 */
/* A runtime with two stores and a controller of claims before a scripted server. */
#pragma once

#include "fake.h"

#include <bw/kube_controller.h>
#include <bw/kube_metrics.h>

#include "controller.h"

#define UNUSED __attribute__((unused))

static const struct bw_kube_kind claims = { "net.barewire.dev", "v1alpha1", "networkclaims",
					    "NetworkClaim", 1 };
static const struct bw_kube_kind addresses = { "net.barewire.dev", "v1alpha1", "networkaddresses",
					       "NetworkAddress", 0 };

struct bed {
	struct fake f;
	struct bw_kube_runtime *rt;
	struct bw_kube_store *claims;
	struct bw_kube_store *addresses;
	struct bw_controller *c;
	struct fake_call *claim_watch;
	struct fake_call *address_watch;
	unsigned int runs;
	char keys[512]; /* names in the order they ran, with a space behind each */
	int (*plan)(struct bed *b, const char *name, struct bw_kube_object *o, struct bw_plan *p);
	enum bw_plan_next next;
	unsigned int judged;
	enum bw_kube_result last;
	int stopped;
};

static inline int reconcile(const char *namespace, const char *name, struct bw_kube_object *o,
			    struct bw_plan *plan, void *arg, struct bw_err *err)
{
	struct bed *b = arg;
	int r;

	assert_string_equal(namespace, "db");
	b->runs++;
	if (strlen(b->keys) + strlen(name) + 2 < sizeof(b->keys)) {
		strcat(b->keys, name);
		strcat(b->keys, " ");
	}
	r = b->plan ? b->plan(b, name, o, plan) : 0;
	return r < 0 ? bw_fail(err, -r, "the test says so") : 0;
}

/* @selects: of the addresses; NULL = all. */
static inline void make_with(struct bed *b, unsigned int max_running,
			     const struct bw_kube_watch_options *selects)
{
	struct bw_err err = { 0 };
	struct bw_kube_store *wait_for[2] = { NULL, NULL };
	struct bw_controller_options o = { .name = "claims",
					   .reconcile = reconcile,
					   .arg = b,
					   .max_running = max_running,
					   .wait_for = wait_for };

	memset(b, 0, sizeof(*b));
	fake_init(&b->f);
	assert_int_equal(
		bw_kube_runtime_new(b->f.loop, &b->f.client, "barewire-controller", &b->rt, &err),
		0);
	bw_kube_runtime_seed(b->rt, 1);
	assert_int_equal(bw_kube_runtime_watch(b->rt, &claims, NULL, &b->claims, &err), 0);
	assert_int_equal(bw_kube_runtime_watch(b->rt, &addresses, selects, &b->addresses, &err), 0);
	o.primary = b->claims;
	wait_for[0] = b->addresses;
	assert_int_equal(bw_controller_new(b->rt, &o, &b->c, &err), 0);
}

static inline void make(struct bed *b, unsigned int max_running)
{
	make_with(b, max_running, NULL);
}

static inline void unmake(struct bed *b)
{
	bw_kube_runtime_free(&b->rt);
	fake_done(&b->f);
}

/* Both stores are synced; @n claims a, b, c... of resourceVersion 10. */
static inline void sync_stores(struct bed *b, unsigned int n)
{
	fake_run(&b->f, 100 * MS);
	b->claim_watch = fake_next(&b->f, BW_KUBE_WATCH, "networkclaims");
	b->address_watch = fake_next(&b->f, BW_KUBE_WATCH, "networkaddresses");
	for (unsigned int i = 0; i < n; i++) {
		char name[2] = { (char)('a' + i), '\0' };

		assert_int_equal(fake_event(b->claim_watch, "ADDED", "db", name, 10, ""), 0);
	}
	assert_int_equal(fake_bookmark(b->claim_watch, 20, 1), 0);
	assert_int_equal(fake_bookmark(b->address_watch, 20, 1), 0);
	fake_run(&b->f, 0);
}

static inline void start(struct bed *b, unsigned int n)
{
	make(b, 0);
	sync_stores(b, n);
	bw_kube_runtime_lead(b->rt, 1);
}

static inline double counter(struct bed *b, const char *line)
{
	bw_autobuf struct bw_buf text = { 0 };
	const char *at;

	assert_int_equal(bw_metrics_text(bw_kube_runtime_metrics(b->rt), &text), 0);
	at = strstr(text.data, line);
	if (!at)
		fail_msg("no %s in\n%s", line, text.data);
	return strtod(at + strlen(line), NULL);
}

static inline void write_status(struct bw_plan *p, const char *name, bw_plan_done_fn done,
				void *arg)
{
	static const char body[] = "{\"status\":{\"phase\":\"Bound\"}}";
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &claims,
				     .namespace = "db",
				     .name = name,
				     .subresource = "status",
				     .body = body,
				     .body_size = sizeof(body) - 1,
				     .grace_s = -1 };

	bw_plan_write(p, &r, done, arg);
}

static inline void create_address(struct bw_plan *p, const char *name, bw_plan_done_fn done,
				  void *arg)
{
	char body[128];
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE, .kind = &addresses, .grace_s = -1 };

	(void)snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"}}", name);
	r.body = body;
	r.body_size = strlen(body);
	bw_plan_write(p, &r, done, arg);
}

static inline enum bw_plan_next judge(const struct bw_kube_answer *a, void *arg)
{
	struct bed *b = arg;

	b->judged++;
	b->last = a->result;
	return b->next;
}

/* Allocates until the claim is Bound: the whole way of a write. */
static inline int plan_allocate(struct bed *b, const char *name, struct bw_kube_object *o,
				struct bw_plan *p)
{
	(void)b;
	if (!o || strstr(o->text, "Bound"))
		return 0;
	if (!bw_kube_store_get(b->addresses, NULL, "lan.10-0-0-1"))
		create_address(p, "lan.10-0-0-1", NULL, NULL);
	write_status(p, name, NULL, NULL);
	bw_plan_event(p, NULL, BW_EVENT_NORMAL, "Bound", "has %s", "10.0.0.1");
	return 0;
}

static inline int plan_write(struct bed *b, const char *name, struct bw_kube_object *o UNUSED,
			     struct bw_plan *p)
{
	write_status(p, name, b->next == BW_PLAN_GO_ON ? NULL : judge, b);
	return 0;
}

static inline int plan_write_once(struct bed *b, const char *name, struct bw_kube_object *o,
				  struct bw_plan *p)
{
	return b->runs == 1 ? plan_write(b, name, o, p) : 0;
}

static inline int plan_fail(struct bed *b UNUSED, const char *name UNUSED,
			    struct bw_kube_object *o UNUSED, struct bw_plan *p UNUSED)
{
	return -EIO;
}

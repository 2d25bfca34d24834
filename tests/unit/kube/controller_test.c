/* SPDX-License-Identifier: Apache-2.0 */
/* Watch to reconcile to plan to writes to gate, on a virtual loop against a scripted server. */
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

static int reconcile(const char *namespace, const char *name, struct bw_kube_object *o,
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

static void make(struct bed *b, unsigned int max_running)
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
	assert_int_equal(bw_kube_runtime_watch(b->rt, &addresses, NULL, &b->addresses, &err), 0);
	o.primary = b->claims;
	wait_for[0] = b->addresses;
	assert_int_equal(bw_controller_new(b->rt, &o, &b->c, &err), 0);
}

static void unmake(struct bed *b)
{
	bw_kube_runtime_free(&b->rt);
	fake_done(&b->f);
}

/* Both stores are synced; @n claims a, b, c... of resourceVersion 10. */
static void sync_stores(struct bed *b, unsigned int n)
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

static void start(struct bed *b, unsigned int n)
{
	make(b, 0);
	sync_stores(b, n);
	bw_kube_runtime_lead(b->rt, 1);
}

static double counter(struct bed *b, const char *line)
{
	bw_autobuf struct bw_buf text = { 0 };
	const char *at;

	assert_int_equal(bw_metrics_text(bw_kube_runtime_metrics(b->rt), &text), 0);
	at = strstr(text.data, line);
	if (!at)
		fail_msg("no %s in\n%s", line, text.data);
	return strtod(at + strlen(line), NULL);
}

static void write_status(struct bw_plan *p, const char *name, bw_plan_done_fn done, void *arg)
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

static void create_address(struct bw_plan *p, const char *name, bw_plan_done_fn done, void *arg)
{
	char body[128];
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE, .kind = &addresses, .grace_s = -1 };

	(void)snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"}}", name);
	r.body = body;
	r.body_size = strlen(body);
	bw_plan_write(p, &r, done, arg);
}

static enum bw_plan_next judge(const struct bw_kube_answer *a, void *arg)
{
	struct bed *b = arg;

	b->judged++;
	b->last = a->result;
	return b->next;
}

/* Allocates until the claim is Bound: the whole way of a write. */
static int plan_allocate(struct bed *b, const char *name, struct bw_kube_object *o,
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

static int plan_write(struct bed *b, const char *name, struct bw_kube_object *o UNUSED,
		      struct bw_plan *p)
{
	write_status(p, name, b->next == BW_PLAN_GO_ON ? NULL : judge, b);
	return 0;
}

static int plan_write_once(struct bed *b, const char *name, struct bw_kube_object *o,
			   struct bw_plan *p)
{
	return b->runs == 1 ? plan_write(b, name, o, p) : 0;
}

static int plan_fail(struct bed *b UNUSED, const char *name UNUSED, struct bw_kube_object *o UNUSED,
		     struct bw_plan *p UNUSED)
{
	return -EIO;
}

static void the_whole_way_from_a_watch_to_a_bound_claim(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_allocate;
	fake_wrote(fake_next(&b.f, BW_KUBE_CREATE, "networkaddresses"), "lan.10-0-0-1", 21);
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, "networkclaims"), "a", 22);
	fake_run(&b.f, 0);
	/* Nothing more before both writes are visible. */
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 22,
				    ",\"status\":{\"phase\":\"Bound\"}"),
			 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_event(b.address_watch, "ADDED", "", "lan.10-0-0-1", 21, ""), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	/* The event is told once all writes are done, of the claim. */
	assert_non_null(strstr(fake_next(&b.f, BW_KUBE_CREATE, "events")->body,
			       "\"reason\":\"Bound\",\"note\":\"has 10.0.0.1\""));
	assert_int_equal(fake_waiting(&b.f), 3); /* two watches and the event: no more writes */
	unmake(&b);
}

static void an_event_before_the_answer_opens_the_gate_too(void **state UNUSED)
{
	struct bed b;
	struct fake_call *w;

	start(&b, 1);
	b.plan = plan_write_once;
	w = fake_next(&b.f, BW_KUBE_MERGE, NULL);
	assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 22, ",\"x\":1"), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1); /* never twice at once */
	fake_wrote(w, "a", 22);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void a_bookmark_opens_the_gate(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, NULL), "a", 22);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_bookmark(b.claim_watch, 30, 0), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void a_gate_that_stays_shut_ends_with_a_live_get(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, NULL), "a", 22);
	fake_run(&b.f, 9999 * MS);
	assert_null(fake_peek(&b.f, BW_KUBE_GET, NULL));
	fake_run(&b.f, 1 * MS);
	/* A GET that finds nobody does not open it. */
	fake_end(fake_next(&b.f, BW_KUBE_GET, "networkclaims"), BW_KUBE_REFUSED, 0, NULL);
	fake_run(&b.f, 10 * S);
	assert_int_equal(b.runs, 1);
	fake_wrote(fake_next(&b.f, BW_KUBE_GET, "networkclaims"), "a", 22);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	assert_true(counter(&b, "stale_cache_gate_timeouts_total{controller=\"claims\"} ") == 1);
	unmake(&b);
}

static void a_write_that_changes_nothing_is_not_looked_at_again(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write;
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, NULL), "a", 10);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static int plan_delete_once(struct bed *b, const char *name UNUSED, struct bw_kube_object *o UNUSED,
			    struct bw_plan *p)
{
	struct bw_kube_request r = { .verb = BW_KUBE_DELETE,
				     .kind = &addresses,
				     .name = "lan.10-0-0-1",
				     .uid = "uid-lan.10-0-0-1",
				     .grace_s = -1 };

	if (b->runs == 1)
		bw_plan_write(p, &r, NULL, NULL);
	return 0;
}

static void a_delete_waits_until_the_object_has_gone(void **state UNUSED)
{
	struct bed b;

	make(&b, 0);
	sync_stores(&b, 1);
	assert_int_equal(fake_event(b.address_watch, "ADDED", "", "lan.10-0-0-1", 21, ""), 0);
	b.plan = plan_delete_once;
	bw_kube_runtime_lead(b.rt, 1);
	fake_end(fake_next(&b.f, BW_KUBE_DELETE, NULL), BW_KUBE_OK, 0,
		 "{\"kind\":\"Status\",\"status\":\"Success\"}");
	fake_run(&b.f, 1 * S);
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_event(b.address_watch, "DELETED", "", "lan.10-0-0-1", 25, ""), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void deleting_what_is_not_there_is_no_failure(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_delete_once;
	fake_end(fake_next(&b.f, BW_KUBE_DELETE, NULL), BW_KUBE_NOT_FOUND, 0, NULL);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static int plan_create(struct bed *b, const char *name UNUSED, struct bw_kube_object *o UNUSED,
		       struct bw_plan *p)
{
	if (!bw_kube_store_get(b->addresses, NULL, "lan.10-0-0-1"))
		create_address(p, "lan.10-0-0-1", judge, b);
	return 0;
}

static void a_name_that_is_taken_is_waited_for(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_create;
	b.next = BW_PLAN_AGAIN;
	fake_end(fake_next(&b.f, BW_KUBE_CREATE, NULL), BW_KUBE_EXISTS, 0, NULL);
	fake_run(&b.f, 1 * S);
	assert_int_equal(b.runs, 1); /* no storm of 409s against a cache that is behind */
	assert_int_equal(fake_event(b.address_watch, "ADDED", "", "lan.10-0-0-1", 21, ""), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	assert_int_equal(b.judged, 1);
	unmake(&b);
}

static void a_conflict_waits_for_the_newer_object(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	fake_end(fake_next(&b.f, BW_KUBE_MERGE, NULL), BW_KUBE_CONFLICT, 0, NULL);
	fake_run(&b.f, 5 * S);
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 23, ",\"x\":1"), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void a_failure_backs_off_and_events_do_not_shorten_it(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_fail;
	for (unsigned int i = 0; i < 60; i++)
		fake_run(&b.f, 1 * S);
	/* 10 ms doubled: a minute has room for 13 tries or 14. */
	assert_in_range(b.runs, 12, 15);
	b.runs = 0;
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 30 + i,
					    i & 1 ? ",\"x\":1" : ",\"x\":2"),
				 0);
		fake_run(&b.f, 1 * S);
	}
	assert_in_range(b.runs, 0, 1);
	unmake(&b);
}

static void a_change_of_the_spec_ends_a_back_off_once(void **state UNUSED)
{
	struct bed b;
	const char *line = "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"namespace\":\"db\","
			   "\"name\":\"a\",\"uid\":\"uid-a\",\"resourceVersion\":\"40\","
			   "\"generation\":2}}}\n";

	start(&b, 1);
	b.plan = plan_fail;
	fake_run(&b.f, 60 * S);
	b.runs = 0;
	assert_int_equal(fake_data(b.claim_watch, line), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 41, ""), 0);
	unmake(&b);
}

static void a_fact_ends_a_back_off(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_fail;
	fake_run(&b.f, 60 * S);
	b.runs = 0;
	assert_int_equal(bw_controller_enqueue(b.c, "db", "a", BW_KEY_DEPENDENT), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 0);
	assert_int_equal(bw_controller_enqueue(b.c, "db", "a", BW_KEY_FACT), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static void a_terminal_error_parks_until_the_generation_changes(void **state UNUSED)
{
	struct bed b;
	const char *line = "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"namespace\":\"db\","
			   "\"name\":\"a\",\"uid\":\"uid-a\",\"resourceVersion\":\"40\","
			   "\"generation\":2}}}\n";

	start(&b, 1);
	b.plan = plan_write;
	fake_end(fake_next(&b.f, BW_KUBE_MERGE, NULL), BW_KUBE_INVALID, 0, NULL);
	fake_run(&b.f, 3600 * S);
	b.claim_watch = NULL; /* an hour without a bookmark: the watch was cancelled */
	assert_int_equal(b.runs, 1);
	assert_non_null(strstr(fake_next(&b.f, BW_KUBE_CREATE, "events")->body, "WriteRejected"));
	assert_int_equal(bw_controller_enqueue(b.c, "db", "a", BW_KEY_OBJECT), 0);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.runs, 1);
	assert_true(counter(&b, "controller_runtime_terminal_reconcile_errors_total"
				"{controller=\"claims\"} ") == 1);
	b.claim_watch = fake_next(&b.f, BW_KUBE_WATCH, "networkclaims");
	assert_int_equal(fake_data(b.claim_watch, line), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void throttling_is_no_failure(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	fake_end(fake_next(&b.f, BW_KUBE_MERGE, NULL), BW_KUBE_THROTTLED, 2000, NULL);
	fake_run(&b.f, 1999 * MS);
	assert_int_equal(b.runs, 1);
	fake_run(&b.f, 1001 * MS); /* at most half as much on top */
	assert_int_equal(b.runs, 2);
	assert_true(counter(&b, "controller_runtime_reconcile_errors_total"
				"{controller=\"claims\"} ") == 0);
	unmake(&b);
}

static void again_runs_at_once_and_done_leaves_the_rest_out(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	b.next = BW_PLAN_AGAIN;
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, NULL), "a", 10);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
	start(&b, 1);
	b.plan = plan_write_once;
	b.next = BW_PLAN_DONE;
	fake_end(fake_next(&b.f, BW_KUBE_MERGE, NULL), BW_KUBE_UNKNOWN, 0, NULL);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static void a_plan_that_takes_too_long_is_cut_and_its_judge_learns_of_it(void **state UNUSED)
{
	struct bed b;
	struct fake_call *w;

	start(&b, 1);
	b.plan = plan_write_once;
	b.next = BW_PLAN_FAIL;
	w = fake_next(&b.f, BW_KUBE_MERGE, NULL);
	fake_run(&b.f, 60 * S);
	assert_int_equal(w->state, FAKE_CANCELLED);
	assert_int_equal(b.judged, 1);
	assert_int_equal(b.last, BW_KUBE_UNKNOWN);
	fake_run(&b.f, 1 * S);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void nothing_runs_without_leadership(void **state UNUSED)
{
	struct bed b;

	make(&b, 0);
	sync_stores(&b, 3);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.runs, 0);
	bw_kube_runtime_lead(b.rt, 1);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 3);
	unmake(&b);
}

static int plan_two_writes(struct bed *b, const char *name, struct bw_kube_object *o,
			   struct bw_plan *p)
{
	(void)plan_write(b, name, o, p);
	return plan_write(b, name, o, p);
}

static void lost_leadership_ends_a_plan_with_the_request_in_flight(void **state UNUSED)
{
	struct bed b;
	struct fake_call *w;

	start(&b, 1);
	b.plan = plan_two_writes;
	w = fake_next(&b.f, BW_KUBE_MERGE, NULL);
	bw_kube_runtime_lead(b.rt, 0);
	fake_wrote(w, "a", 22);
	fake_run(&b.f, 5 * S);
	assert_null(fake_peek(&b.f, BW_KUBE_MERGE, NULL));
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static void nothing_runs_before_all_stores_are_synced(void **state UNUSED)
{
	struct bed b;

	make(&b, 0);
	bw_kube_runtime_lead(b.rt, 1);
	fake_run(&b.f, 100 * MS);
	b.claim_watch = fake_next(&b.f, BW_KUBE_WATCH, "networkclaims");
	assert_int_equal(fake_event(b.claim_watch, "ADDED", "db", "a", 10, ""), 0);
	assert_int_equal(fake_bookmark(b.claim_watch, 20, 1), 0);
	fake_run(&b.f, 1 * S);
	assert_int_equal(b.runs, 0);
	assert_int_equal(fake_bookmark(fake_next(&b.f, BW_KUBE_WATCH, "networkaddresses"), 20, 1),
			 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static void only_so_many_keys_run_at_once(void **state UNUSED)
{
	struct bed b;

	make(&b, 2);
	sync_stores(&b, 5);
	b.plan = plan_write;
	bw_kube_runtime_lead(b.rt, 1);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, NULL), "a", 10);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 3);
	assert_string_equal(b.keys, "a b c ");
	unmake(&b);
}

static void what_changed_goes_before_the_initial_list(void **state UNUSED)
{
	struct bed b;

	make(&b, 1);
	sync_stores(&b, 3);
	assert_int_equal(fake_event(b.claim_watch, "ADDED", "db", "z", 30, ""), 0);
	bw_kube_runtime_lead(b.rt, 1);
	fake_run(&b.f, 0);
	assert_string_equal(b.keys, "z a b c ");
	unmake(&b);
}

static void a_key_that_always_writes_slows_down(void **state UNUSED)
{
	struct bed b;
	unsigned int rv = 100;

	start(&b, 1);
	b.plan = plan_write;
	for (int64_t end = fake_now(&b.f) + 60 * S; fake_now(&b.f) < end;) {
		struct fake_call *w = fake_peek(&b.f, BW_KUBE_MERGE, NULL);

		if (!w) {
			assert_int_equal(fake_bookmark(b.claim_watch, rv, 0), 0);
			fake_run(&b.f, 10 * MS);
			continue;
		}
		fake_wrote(w, "a", ++rv);
	}
	assert_in_range(b.runs, 20, 100);
	unmake(&b);
}

static int plan_later(struct bed *b UNUSED, const char *name UNUSED,
		      struct bw_kube_object *o UNUSED, struct bw_plan *p)
{
	bw_plan_requeue_after(p, 30000);
	bw_plan_requeue_after(p, 60000);
	return 0;
}

static void requeue_after_is_kept(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_later;
	fake_run(&b.f, 29999 * MS);
	assert_int_equal(b.runs, 1);
	fake_run(&b.f, 1 * MS);
	assert_int_equal(b.runs, 2);
	assert_true(counter(&b, "controller_runtime_reconcile_total{controller=\"claims\","
				"result=\"requeue_after\"} ") == 2);
	unmake(&b);
}

static void on_stopped(void *arg)
{
	struct bed *b = arg;

	b->stopped++;
}

static void a_stop_waits_for_what_runs_and_takes_nothing_new(void **state UNUSED)
{
	struct bed b;
	struct fake_call *w;

	start(&b, 1);
	b.plan = plan_write_once;
	w = fake_next(&b.f, BW_KUBE_MERGE, NULL);
	bw_kube_runtime_stop(b.rt, 20000, on_stopped, &b);
	assert_int_equal(bw_controller_enqueue(b.c, "db", "q", BW_KEY_FACT), 0);
	fake_run(&b.f, 5 * S);
	assert_int_equal(b.stopped, 0);
	fake_wrote(w, "a", 22);
	fake_run(&b.f, 0);
	assert_int_equal(b.stopped, 1);
	assert_int_equal(b.runs, 1);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.stopped, 1);
	unmake(&b);
}

static void a_stop_does_not_wait_for_ever(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	(void)fake_next(&b.f, BW_KUBE_MERGE, NULL);
	bw_kube_runtime_stop(b.rt, 20000, on_stopped, &b);
	fake_run(&b.f, 20 * S);
	assert_int_equal(b.stopped, 1);
	unmake(&b);
}

static void keys_that_need_nothing_are_forgotten(void **state UNUSED)
{
	struct bed b;

	start(&b, 3);
	fake_run(&b.f, 1 * S);
	assert_int_equal(b.runs, 3);
	assert_null(bw_kube_queue_first(&b.c->queue));
	assert_int_equal(bw_kube_runtime_idle(b.rt), 1);
	unmake(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_way_from_a_watch_to_a_bound_claim),
		cmocka_unit_test(an_event_before_the_answer_opens_the_gate_too),
		cmocka_unit_test(a_bookmark_opens_the_gate),
		cmocka_unit_test(a_gate_that_stays_shut_ends_with_a_live_get),
		cmocka_unit_test(a_write_that_changes_nothing_is_not_looked_at_again),
		cmocka_unit_test(a_delete_waits_until_the_object_has_gone),
		cmocka_unit_test(deleting_what_is_not_there_is_no_failure),
		cmocka_unit_test(a_name_that_is_taken_is_waited_for),
		cmocka_unit_test(a_conflict_waits_for_the_newer_object),
		cmocka_unit_test(a_failure_backs_off_and_events_do_not_shorten_it),
		cmocka_unit_test(a_change_of_the_spec_ends_a_back_off_once),
		cmocka_unit_test(a_fact_ends_a_back_off),
		cmocka_unit_test(a_terminal_error_parks_until_the_generation_changes),
		cmocka_unit_test(throttling_is_no_failure),
		cmocka_unit_test(again_runs_at_once_and_done_leaves_the_rest_out),
		cmocka_unit_test(a_plan_that_takes_too_long_is_cut_and_its_judge_learns_of_it),
		cmocka_unit_test(nothing_runs_without_leadership),
		cmocka_unit_test(lost_leadership_ends_a_plan_with_the_request_in_flight),
		cmocka_unit_test(nothing_runs_before_all_stores_are_synced),
		cmocka_unit_test(only_so_many_keys_run_at_once),
		cmocka_unit_test(what_changed_goes_before_the_initial_list),
		cmocka_unit_test(a_key_that_always_writes_slows_down),
		cmocka_unit_test(requeue_after_is_kept),
		cmocka_unit_test(a_stop_waits_for_what_runs_and_takes_nothing_new),
		cmocka_unit_test(a_stop_does_not_wait_for_ever),
		cmocka_unit_test(keys_that_need_nothing_are_forgotten),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an API server does, stated against the model: writes and their preconditions, lists,
 * streams, selectors, replicas, faults. Each line here is what a real 1.36 server answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include <bw/buf.h>
#include <bw/err.h>

#include "server.h"

#define S_NS 1000000000LL

struct bed {
	struct bw_loop *loop;
	struct sim_store *store;
	struct sim_trace trace;
	struct sim_server server;
	struct sim_client client;
};

/* One call and what came of it. */
struct got {
	struct bw_kube_call call;
	unsigned int done;
	enum bw_kube_result result;
	int http;
	struct bw_buf body;
	char reason[64];
};

static struct bed bed;

static void committed(const struct sim_version *v, const char *by, void *arg)
{
	(void)v;
	(void)by;
	sim_server_committed(arg);
}

static int set_up(void **state)
{
	(void)state;
	memset(&bed, 0, sizeof(bed));
	if (bw_loop_new_virtual(S_NS, 1700000000, &bed.loop, NULL) < 0)
		return -1;
	bed.trace.loop = bed.loop;
	bed.store = sim_store_new(bed.loop);
	sim_server_init(&bed.server, bed.loop, bed.store, &bed.trace, (struct sim_rng){ 1 });
	sim_store_on_commit(bed.store, committed, &bed.server);
	sim_client_init(&bed.client, &bed.server, "c");
	return 0;
}

static int tear_down(void **state)
{
	struct bw_kube_client *c = &bed.client.base;

	(void)state;
	bw_kube_client_free(&c);
	sim_server_done(&bed.server);
	sim_store_free(&bed.store);
	bw_loop_free(&bed.loop);
	return 0;
}

static void on_done(const struct bw_kube_answer *a, void *arg)
{
	struct got *g = arg;

	g->done++;
	g->result = a->result;
	g->http = a->http;
	(void)snprintf(g->reason, sizeof(g->reason), "%s", a->reason);
	if (a->body_size)
		assert_int_equal(bw_buf_append(&g->body, a->body, a->body_size), 0);
}

static int on_data(const char *data, size_t size, void *arg)
{
	struct got *g = arg;

	assert_int_equal(bw_buf_append(&g->body, data, size), 0);
	return 0;
}

static void run_for(int64_t ns)
{
	int64_t until = bw_loop_now_ns(bed.loop) + ns;

	while (bw_loop_step(bed.loop, 0, until, NULL) > 0)
		;
}

static void begin(const struct bw_kube_request *r, struct got *g)
{
	*g = (struct got){ .call = { .done = on_done, .data = NULL, .arg = g } };
	if (r->verb == BW_KUBE_WATCH)
		g->call.data = on_data;
	assert_int_equal(bw_kube_start(&bed.client.base, r, &g->call, NULL), 0);
	assert_int_equal(g->done, 0);
}

static void run(struct bw_kube_request r, struct got *g)
{
	r.body_size = r.body ? strlen(r.body) : 0;
	begin(&r, g);
	for (int i = 0; i < 100 && !g->done; i++)
		run_for(S_NS);
	assert_int_equal(g->done, 1);
}

static const struct bw_kube_kind *const claim = &sim_kinds[SIM_CLAIM].kind;
static const struct bw_kube_kind *const address = &sim_kinds[SIM_ADDRESS].kind;

static void create(const struct bw_kube_kind *kind, const char *body, struct got *g)
{
	run((struct bw_kube_request){ .verb = BW_KUBE_CREATE,
				      .kind = kind,
				      .namespace = kind->namespaced ? "db" : NULL,
				      .body = body },
	    g);
}

static void merge(const char *name, const char *sub, const char *body, struct got *g)
{
	run((struct bw_kube_request){ .verb = BW_KUBE_MERGE,
				      .kind = claim,
				      .namespace = "db",
				      .name = name,
				      .subresource = sub,
				      .body = body },
	    g);
}

static void drop(const char *name, const char *uid, const char *rv, struct got *g)
{
	run((struct bw_kube_request){ .verb = BW_KUBE_DELETE,
				      .kind = claim,
				      .namespace = "db",
				      .name = name,
				      .uid = uid,
				      .resource_version = rv,
				      .grace_s = -1 },
	    g);
}

/* Text of a member of the answer's object, by path; the caller's until the next call. */
static const char *text_of(const struct got *g, const char *object, const char *member)
{
	static char text[256];
	struct cJSON *tree = cJSON_Parse(g->body.data);
	const struct cJSON *o = cJSON_GetObjectItemCaseSensitive(tree, object);
	const struct cJSON *m = cJSON_GetObjectItemCaseSensitive(o, member);

	if (cJSON_IsNumber(m))
		(void)snprintf(text, sizeof(text), "%g", m->valuedouble);
	else
		(void)snprintf(text, sizeof(text), "%s", cJSON_IsString(m) ? m->valuestring : "");
	cJSON_Delete(tree);
	return text;
}

static const char *meta_of(const struct got *g, const char *member)
{
	return text_of(g, "metadata", member);
}

#define done_with(g) bw_buf_done(&(g).body)
#define CLAIM                                                                                      \
	"{\"metadata\":{\"name\":\"a\"},\"spec\":{\"stickyKey\":\"k\"},\"status\":{\"phase\":\"Bound\"}}"

static void create_gives_uid_version_and_generation_and_drops_status(void **state)
{
	struct got g;

	(void)state;
	create(claim, CLAIM, &g);
	assert_int_equal(g.http, 201);
	assert_int_equal(strlen(meta_of(&g, "uid")), 36);
	assert_string_equal(meta_of(&g, "generation"), "1");
	assert_string_equal(meta_of(&g, "namespace"), "db");
	assert_string_equal(text_of(&g, "status", "phase"), "");
	done_with(g);
}

static void create_of_a_name_that_is_there_is_already_exists(void **state)
{
	struct got g;

	(void)state;
	create(claim, CLAIM, &g);
	done_with(g);
	create(claim, CLAIM, &g);
	assert_int_equal(g.result, BW_KUBE_EXISTS);
	assert_string_equal(g.reason, "AlreadyExists");
	done_with(g);
}

static void create_with_a_resource_version_is_refused(void **state)
{
	struct got g;

	(void)state;
	create(claim, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\"}}", &g);
	assert_int_equal(g.http, 500);
	done_with(g);
}

static void an_address_is_named_by_what_it_is(void **state)
{
	struct got g;

	(void)state;
	create(address,
	       "{\"metadata\":{\"name\":\"lan.10-0-0-7\"},\"spec\":{\"domain\":\"lan\",\"address\":"
	       "\"10.0.0.8\"}}",
	       &g);
	assert_int_equal(g.result, BW_KUBE_INVALID);
	assert_int_equal(g.http, 422);
	done_with(g);
}

static void merge_with_a_version_is_a_compare_and_swap(void **state)
{
	struct got g;
	char body[128], rv[32];

	(void)state;
	create(claim, CLAIM, &g);
	(void)snprintf(rv, sizeof(rv), "%s", meta_of(&g, "resourceVersion"));
	done_with(g);
	(void)snprintf(
		body, sizeof(body),
		"{\"metadata\":{\"resourceVersion\":\"%s\"},\"status\":{\"phase\":\"Bound\"}}", rv);
	merge("a", "status", body, &g);
	assert_int_equal(g.http, 200);
	assert_string_not_equal(meta_of(&g, "resourceVersion"), rv);
	done_with(g);
	merge("a", "status", body, &g);
	assert_int_equal(g.result, BW_KUBE_CONFLICT);
	assert_string_equal(g.reason, "Conflict");
	done_with(g);
}

static void merge_with_another_uid_is_a_conflict(void **state)
{
	struct got g;

	(void)state;
	create(claim, CLAIM, &g);
	done_with(g);
	merge("a", "status", "{\"metadata\":{\"uid\":\"x\"},\"status\":{\"phase\":\"Bound\"}}", &g);
	assert_int_equal(g.result, BW_KUBE_CONFLICT);
	done_with(g);
}

static void each_path_writes_its_own_half(void **state)
{
	struct got g;

	(void)state;
	create(claim, CLAIM, &g);
	done_with(g);
	merge("a", "status",
	      "{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"spec\":{\"stickyKey\":\"l\"},\"status\":{"
	      "\"phase\":\"Bound\"}}",
	      &g);
	assert_string_equal(text_of(&g, "status", "phase"), "Bound");
	assert_string_equal(text_of(&g, "spec", "stickyKey"), "k");
	assert_string_equal(meta_of(&g, "generation"), "1");
	assert_null(strstr(g.body.data, "labels"));
	done_with(g);
	merge("a", NULL, "{\"spec\":{\"stickyKey\":\"l\"},\"status\":{\"phase\":\"Failed\"}}", &g);
	assert_string_equal(text_of(&g, "status", "phase"), "Bound");
	assert_string_equal(meta_of(&g, "generation"), "2");
	done_with(g);
}

static void a_write_that_changes_nothing_is_none(void **state)
{
	struct got g;
	uint64_t rv;

	(void)state;
	create(claim, CLAIM, &g);
	done_with(g);
	rv = sim_store_rv(bed.store);
	merge("a", NULL, "{\"spec\":{\"stickyKey\":\"k\"}}", &g);
	assert_int_equal(g.http, 200);
	assert_int_equal(sim_store_rv(bed.store), rv);
	done_with(g);
}

static void null_in_a_merge_deletes_and_lists_are_replaced(void **state)
{
	struct got g;

	(void)state;
	create(claim,
	       "{\"metadata\":{\"name\":\"a\",\"finalizers\":[\"x/y\",\"x/z\"]},\"spec\":{"
	       "\"stickyKey\":\"k\"}}",
	       &g);
	done_with(g);
	merge("a", NULL, "{\"metadata\":{\"finalizers\":[\"x/z\"]},\"spec\":{\"stickyKey\":null}}",
	      &g);
	assert_string_equal(text_of(&g, "spec", "stickyKey"), "");
	assert_null(strstr(g.body.data, "x/y"));
	assert_non_null(strstr(g.body.data, "x/z"));
	done_with(g);
}

static void delete_waits_for_finalizers(void **state)
{
	struct got g;

	(void)state;
	create(claim, "{\"metadata\":{\"name\":\"a\",\"finalizers\":[\"x/y\"]},\"spec\":{}}", &g);
	done_with(g);
	drop("a", NULL, NULL, &g);
	assert_int_equal(g.http, 200);
	assert_string_not_equal(meta_of(&g, "deletionTimestamp"), "");
	assert_string_equal(meta_of(&g, "generation"), "2");
	done_with(g);
	assert_non_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	merge("a", NULL, "{\"metadata\":{\"finalizers\":[]}}", &g);
	assert_int_equal(g.http, 200);
	assert_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	done_with(g);
}

static void delete_holds_its_preconditions(void **state)
{
	struct got g;
	char uid[64];

	(void)state;
	create(claim, CLAIM, &g);
	(void)snprintf(uid, sizeof(uid), "%s", meta_of(&g, "uid"));
	done_with(g);
	drop("a", "other", NULL, &g);
	assert_int_equal(g.result, BW_KUBE_CONFLICT);
	done_with(g);
	drop("a", uid, "1", &g);
	assert_int_equal(g.result, BW_KUBE_CONFLICT);
	done_with(g);
	drop("a", uid, NULL, &g);
	assert_int_equal(g.http, 200);
	assert_non_null(strstr(g.body.data, "\"Success\""));
	done_with(g);
	drop("a", uid, NULL, &g);
	assert_int_equal(g.result, BW_KUBE_NOT_FOUND);
	done_with(g);
}

static void a_pod_on_a_node_goes_in_two_steps(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_DELETE,
				     .kind = &sim_kinds[SIM_POD].kind,
				     .namespace = "db",
				     .name = "p",
				     .grace_s = -1 };
	struct got g;

	(void)state;
	create(&sim_kinds[SIM_POD].kind,
	       "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n1\"}}", &g);
	done_with(g);
	run(r, &g);
	assert_string_not_equal(meta_of(&g, "deletionTimestamp"), "");
	assert_non_null(sim_store_tree(bed.store, SIM_POD, "db", "p"));
	done_with(g);
	r.grace_s = 0;
	run(r, &g);
	assert_null(sim_store_tree(bed.store, SIM_POD, "db", "p"));
	done_with(g);
}

static void make_claims(unsigned int n)
{
	char body[128];
	struct got g;

	for (unsigned int i = 0; i < n; i++) {
		(void)snprintf(body, sizeof(body),
			       "{\"metadata\":{\"name\":\"c%u\",\"labels\":{\"odd\":\"%u\"}},"
			       "\"spec\":{}}",
			       i, i % 2);
		create(claim, body, &g);
		done_with(g);
	}
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (const char *at = text; at && (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void list_comes_in_pages_of_one_version(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_LIST, .kind = claim, .limit = 2 };
	struct got g;
	char cont[64], rv[32];

	(void)state;
	make_claims(3);
	run(r, &g);
	assert_int_equal(count(g.body.data, "\"uid\""), 2);
	(void)snprintf(cont, sizeof(cont), "%s", meta_of(&g, "continue"));
	(void)snprintf(rv, sizeof(rv), "%s", meta_of(&g, "resourceVersion"));
	assert_string_not_equal(cont, "");
	done_with(g);
	make_claims(0);
	create(claim, "{\"metadata\":{\"name\":\"d\"},\"spec\":{}}", &g);
	done_with(g);
	r.cont = cont;
	run(r, &g);
	assert_int_equal(count(g.body.data, "\"uid\""), 1);
	assert_string_equal(meta_of(&g, "resourceVersion"), rv);
	done_with(g);
	sim_store_compact(bed.store, sim_store_rv(bed.store));
	run(r, &g);
	assert_int_equal(g.result, BW_KUBE_GONE);
	done_with(g);
}

static void list_selects_by_labels_and_fields(void **state)
{
	static const struct {
		const char *labels, *fields;
		unsigned int n;
	} table[] = {
		{ "odd=1", NULL, 1 },
		{ "odd!=1", NULL, 2 },
		{ "odd in (0,1)", NULL, 3 },
		{ "odd notin (0)", NULL, 1 },
		{ "odd", NULL, 3 },
		{ "!odd", NULL, 0 },
		{ NULL, "metadata.name=c1", 1 },
		{ NULL, "metadata.name!=c1", 2 },
		{ NULL, "status.holder.node=n1", 0 },
	};
	struct got g;

	(void)state;
	make_claims(3);
	for (size_t i = 0; i < BW_ARRAY_SIZE(table); i++) {
		run((struct bw_kube_request){ .verb = BW_KUBE_LIST,
					      .kind = claim,
					      .label_selector = table[i].labels,
					      .field_selector = table[i].fields },
		    &g);
		assert_int_equal(count(g.body.data, "\"uid\""), table[i].n);
		done_with(g);
	}
	run((struct bw_kube_request){ .verb = BW_KUBE_LIST,
				      .kind = claim,
				      .field_selector = "spec.x=1" },
	    &g);
	assert_int_equal(g.http, 400);
	done_with(g);
}

static void list_of_a_version_to_come_is_too_new(void **state)
{
	struct got g;

	(void)state;
	run((struct bw_kube_request){ .verb = BW_KUBE_LIST,
				      .kind = claim,
				      .resource_version = "99999" },
	    &g);
	assert_int_equal(g.result, BW_KUBE_TOO_NEW);
	done_with(g);
}

static void stream_begins_with_what_there_is_and_a_bookmark(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_WATCH,
				     .kind = claim,
				     .flags = BW_KUBE_F_INITIAL | BW_KUBE_F_BOOKMARKS };
	struct got g, w;

	(void)state;
	make_claims(2);
	begin(&r, &g);
	run_for(S_NS);
	assert_int_equal(count(g.body.data, "\"ADDED\""), 2);
	assert_int_equal(count(g.body.data, "k8s.io/initial-events-end"), 1);
	create(claim, CLAIM, &w);
	done_with(w);
	merge("a", NULL, "{\"spec\":{\"stickyKey\":\"l\"}}", &w);
	done_with(w);
	drop("a", NULL, NULL, &w);
	done_with(w);
	run_for(S_NS);
	assert_int_equal(count(g.body.data, "\"ADDED\""), 3);
	assert_int_equal(count(g.body.data, "\"MODIFIED\""), 1);
	assert_int_equal(count(g.body.data, "\"DELETED\""), 1);
	run_for(70 * S_NS);
	assert_int_equal(count(g.body.data, "\"BOOKMARK\""), 2);
	bw_kube_cancel(&g.call);
	run_for(S_NS);
	assert_int_equal(g.done, 0);
	done_with(g);
}

static void an_object_that_leaves_the_selection_is_deleted_there(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_WATCH,
				     .kind = claim,
				     .flags = BW_KUBE_F_INITIAL,
				     .field_selector = "status.holder.node=n1" };
	struct got g, w;
	char rv[32], want[64];

	(void)state;
	make_claims(1);
	begin(&r, &g);
	merge("c0", "status", "{\"status\":{\"holder\":{\"node\":\"n1\",\"token\":1}}}", &w);
	done_with(w);
	merge("c0", "status", "{\"status\":{\"holder\":{\"node\":\"n2\",\"token\":2}}}", &w);
	(void)snprintf(rv, sizeof(rv), "%s", meta_of(&w, "resourceVersion"));
	done_with(w);
	run_for(S_NS);
	assert_int_equal(count(g.body.data, "\"ADDED\""), 1);
	assert_int_equal(count(g.body.data, "\"MODIFIED\""), 0);
	assert_int_equal(count(g.body.data, "\"DELETED\""), 1);
	assert_int_equal(count(g.body.data, "\"n2\""), 0); /* the last state of the selection */
	(void)snprintf(want, sizeof(want), "\"resourceVersion\":\"%s\"", rv);
	assert_int_equal(count(g.body.data, want), 1);
	bw_kube_cancel(&g.call);
	done_with(g);
}

static void stream_from_a_compacted_version_is_gone(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_WATCH,
				     .kind = claim,
				     .resource_version = "10001" };
	struct got g;

	(void)state;
	make_claims(3);
	sim_store_compact(bed.store, sim_store_rv(bed.store));
	begin(&r, &g);
	run_for(S_NS);
	assert_int_equal(g.done, 1);
	assert_int_equal(g.result, BW_KUBE_GONE);
	done_with(g);
}

static void stream_ends_in_time(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_WATCH, .kind = claim, .timeout_ms = 5000 };
	struct got g;

	(void)state;
	begin(&r, &g);
	run_for(4 * S_NS);
	assert_int_equal(g.done, 0);
	run_for(2 * S_NS);
	assert_int_equal(g.done, 1);
	assert_int_equal(g.result, BW_KUBE_OK);
	done_with(g);
}

static void a_slow_replica_shows_the_past(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_LIST, .kind = claim, .resource_version = "0" };
	struct got g;

	(void)state;
	bed.server.faults.stale = 1000;
	bed.server.replicas[1].lag_ns = 30 * S_NS;
	make_claims(2);
	run(r, &g);
	assert_int_equal(count(g.body.data, "\"uid\""), 0);
	done_with(g);
	r.resource_version = NULL; /* a consistent read */
	run(r, &g);
	assert_int_equal(count(g.body.data, "\"uid\""), 2);
	done_with(g);
	run_for(31 * S_NS);
	r.resource_version = "0";
	run(r, &g);
	assert_int_equal(count(g.body.data, "\"uid\""), 2);
	done_with(g);
}

static void a_lost_answer_leaves_the_write(void **state)
{
	struct got g;

	(void)state;
	bed.server.faults.lose_answer = 1000;
	create(claim, CLAIM, &g);
	assert_int_equal(g.result, BW_KUBE_UNKNOWN);
	assert_int_equal(g.http, 0);
	assert_non_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	done_with(g);
}

static void a_late_request_is_carried_out_after_its_time_out(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE,
				     .kind = claim,
				     .namespace = "db",
				     .body = CLAIM,
				     .body_size = strlen(CLAIM),
				     .timeout_ms = 1000 };
	struct got g;

	(void)state;
	bed.server.faults.late = 1000;
	bed.server.faults.late_ms = 60000;
	run(r, &g);
	assert_int_equal(g.result, BW_KUBE_UNKNOWN);
	assert_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	run_for(60 * S_NS);
	assert_non_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	done_with(g);
}

static void faults_before_the_commit_do_nothing(void **state)
{
	static const size_t offsets[] = { offsetof(struct sim_faults, refuse),
					  offsetof(struct sim_faults, throttle),
					  offsetof(struct sim_faults, fail_before),
					  offsetof(struct sim_faults, lose_request) };
	static const enum bw_kube_result results[] = { BW_KUBE_REFUSED, BW_KUBE_THROTTLED,
						       BW_KUBE_UNKNOWN, BW_KUBE_UNKNOWN };
	struct got g;

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(offsets); i++) {
		const unsigned int always = 1000;

		bed.server.faults = (struct sim_faults){ 0 };
		memcpy((char *)&bed.server.faults + offsets[i], &always, sizeof(always));
		create(claim, CLAIM, &g);
		assert_int_equal(g.result, results[i]);
		assert_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
		done_with(g);
	}
}

static void a_restore_takes_back_what_came_later(void **state)
{
	struct got g;
	uint64_t rv;

	(void)state;
	make_claims(1);
	rv = sim_store_rv(bed.store);
	create(claim, CLAIM, &g);
	done_with(g);
	merge("c0", NULL, "{\"spec\":{\"stickyKey\":\"later\"}}", &g);
	done_with(g);
	sim_store_restore(bed.store, rv, 0);
	sim_server_break(&bed.server);
	assert_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	assert_null(
		strstr(cJSON_GetStringValue(cJSON_GetObjectItem(
			       cJSON_GetObjectItem(sim_store_tree(bed.store, SIM_CLAIM, "db", "c0"),
						   "metadata"),
			       "name")),
		       "later"));
	assert_int_equal(sim_store_rv(bed.store), rv);
	create(claim, CLAIM, &g);
	assert_int_equal(g.http, 201);
	done_with(g);
}

static void a_broken_connection_ends_a_stream(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_WATCH,
				     .kind = claim,
				     .flags = BW_KUBE_F_INITIAL };
	struct got g;

	(void)state;
	begin(&r, &g);
	run_for(S_NS);
	sim_server_break(&bed.server);
	run_for(S_NS);
	assert_int_equal(g.done, 1);
	assert_int_equal(g.result, BW_KUBE_UNKNOWN);
	done_with(g);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(create_gives_uid_version_and_generation_and_drops_status),
		TEST(create_of_a_name_that_is_there_is_already_exists),
		TEST(create_with_a_resource_version_is_refused),
		TEST(an_address_is_named_by_what_it_is),
		TEST(merge_with_a_version_is_a_compare_and_swap),
		TEST(merge_with_another_uid_is_a_conflict),
		TEST(each_path_writes_its_own_half),
		TEST(a_write_that_changes_nothing_is_none),
		TEST(null_in_a_merge_deletes_and_lists_are_replaced),
		TEST(delete_waits_for_finalizers),
		TEST(delete_holds_its_preconditions),
		TEST(a_pod_on_a_node_goes_in_two_steps),
		TEST(list_comes_in_pages_of_one_version),
		TEST(list_selects_by_labels_and_fields),
		TEST(list_of_a_version_to_come_is_too_new),
		TEST(stream_begins_with_what_there_is_and_a_bookmark),
		TEST(an_object_that_leaves_the_selection_is_deleted_there),
		TEST(stream_from_a_compacted_version_is_gone),
		TEST(stream_ends_in_time),
		TEST(a_slow_replica_shows_the_past),
		TEST(a_lost_answer_leaves_the_write),
		TEST(a_late_request_is_carried_out_after_its_time_out),
		TEST(faults_before_the_commit_do_nothing),
		TEST(a_restore_takes_back_what_came_later),
		TEST(a_broken_connection_ends_a_stream),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

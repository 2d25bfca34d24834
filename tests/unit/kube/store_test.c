/* SPDX-License-Identifier: Apache-2.0 */
/* The store: order, indexes, references, changes, memory that fails, and what 10,000 objects cost.
 */
#include "failalloc.h"
#include "fake.h"

#include <malloc.h>
#include <time.h>

#include <bw/kube_store.h>
#include <bw/kube_text.h>

#include "object.h"
#include "rand.h"
#include "store.h"

#define UNUSED __attribute__((unused))
#define MANY 10000

static const struct bw_kube_kind claims = { "net.barewire.dev", "v1alpha1", "networkclaims",
					    "NetworkClaim", 1 };

struct bed {
	struct bw_loop *loop;
	struct bw_kube_store *s;
	char log[1024];
};

static void on_change(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct bed *b = arg;
	size_t len = strlen(b->log);
	const struct bw_kube_object *there;

	/* I3: the store has it already. */
	there = bw_kube_store_get(b->s, now ? now->namespace : old->namespace,
				  now ? now->name : old->name);
	assert_ptr_equal(there, now);
	(void)snprintf(b->log + len, sizeof(b->log) - len, "%c%s ",
		       !old   ? '+'
		       : !now ? '-'
			      : '~',
		       now ? now->name : old->name);
}

/* One key for each letter of member "keys". */
static void letters(const struct bw_kube_object *o, bw_kube_index_put put, void *to)
{
	char text[64];

	if (bw_kube_text_copy(o->text, o->size, text, sizeof(text), "keys") < 0)
		return;
	for (const char *p = text; *p; p++) {
		char key[2] = { *p, '\0' };

		put(to, key);
	}
}

static void make(struct bed *b)
{
	struct bw_err err = { 0 };

	memset(b, 0, sizeof(*b));
	assert_int_equal(bw_loop_new_virtual(0, 0, &b->loop, &err), 0);
	assert_int_equal(bw_kube_store_new(b->loop, &claims, &b->s, &err), 0);
	assert_int_equal(bw_kube_store_index(b->s, "letter", letters, &err), 0);
	assert_int_equal(bw_kube_store_on_change(b->s, on_change, b, &err), 0);
}

static void unmake(struct bed *b)
{
	bw_kube_store_free(&b->s);
	bw_loop_free(&b->loop);
}

static struct bw_kube_object *object(const char *namespace, const char *name, unsigned int rv,
				     const char *rest)
{
	struct bw_kube_object *o = NULL;
	struct bw_err err = { 0 };
	char text[FAKE_TEXT_MAX];

	(void)fake_object(text, sizeof(text), namespace, name, rv, rest);
	assert_int_equal(bw_kube_object_new(&claims, text, strlen(text), &o, &err), 0);
	return o;
}

static void put(struct bed *b, const char *namespace, const char *name, unsigned int rv,
		const char *rest)
{
	struct bw_kube_object *o = object(namespace, name, rv, rest);

	assert_int_equal(bw_kube_store_put(b->s, o), 0);
	bw_kube_object_unref(&o);
}

static int append_name(struct bw_kube_object *o, void *arg)
{
	char *out = arg;

	strcat(out, *o->namespace ? o->namespace : "-");
	strcat(out, "/");
	strcat(out, o->name);
	strcat(out, " ");
	return strlen(out) > 900;
}

static const char *walk(const struct bed *b, const char *namespace)
{
	static char out[1024];

	out[0] = '\0';
	assert_int_equal(bw_kube_store_each(b->s, namespace, append_name, out), 0);
	return out;
}

static const char *found(const struct bed *b, const char *index, const char *key)
{
	static char out[1024];

	out[0] = '\0';
	assert_int_equal(bw_kube_store_find(b->s, index, key, append_name, out), 0);
	return out;
}

static void an_object_is_read_from_its_text(void **state UNUSED)
{
	static const char text[] =
		"{ \"kind\": \"NetworkClaim\", \"metadata\": {\"name\": \"a\", \"namespace\": "
		"\"db\",\n \"uid\": \"u-1\", \"resourceVersion\": \"9223372036854775808\", "
		"\"generation\": 3, \"deletionTimestamp\": \"2026-01-01T00:00:00Z\", "
		"\"managedFields\": [{\"a\": 1}], \"annotations\": {\"kubectl.kubernetes.io/"
		"last-applied-configuration\": \"{}\", \"k\": \"v\"}}, \"spec\": {\"n\": "
		"9007199254740993}}";
	struct bw_kube_object *o = NULL;
	struct bw_err err = { 0 };

	assert_int_equal(bw_kube_object_new(&claims, text, strlen(text), &o, &err), 0);
	assert_string_equal(o->namespace, "db");
	assert_string_equal(o->name, "a");
	assert_string_equal(o->uid, "u-1");
	assert_string_equal(o->rv, "9223372036854775808");
	assert_int_equal(o->generation, 3);
	assert_int_equal(o->deleting, 1);
	assert_null(strstr(o->text, "managedFields"));
	assert_null(strstr(o->text, "last-applied"));
	assert_non_null(strstr(o->text, "{\"n\":9007199254740993}"));
	assert_int_equal(strlen(o->text), o->size);
	bw_kube_object_unref(&o);
	assert_null(o);
}

static void what_is_no_object_is_refused(void **state UNUSED)
{
#define LONG_VERSION                                                                               \
	"{\"metadata\":{\"name\":\"a\","                                                           \
	"\"resourceVersion\":\"11111111111111111111111111111111111\"}}"
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"metadata\":{\"name\":\"a\"}}",
		"{\"metadata\":{\"resourceVersion\":\"1\"}}",
		"{\"metadata\":{\"name\":7,\"resourceVersion\":\"1\"}}",
		"{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\",\"generation\":\"x\"}}",
		LONG_VERSION,
		"{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"}",
	};
	struct bw_kube_object *o = NULL;

	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		struct bw_err err = { 0 };

		assert_int_equal(bw_kube_object_new(&claims, bad[i], strlen(bad[i]), &o, &err),
				 -EBADMSG);
		assert_int_equal(err.class, BW_ERR_DECODE);
		assert_null(o);
	}
}

static void the_hash_leaves_the_version_out(void **state UNUSED)
{
	struct bw_kube_object *a = object("db", "a", 9, ",\"x\":1");
	struct bw_kube_object *b = object("db", "a", 10000, ",\"x\":1");
	struct bw_kube_object *c = object("db", "a", 9, ",\"x\":2");

	assert_true(a->hash == b->hash);
	assert_true(a->hash != c->hash);
	bw_kube_object_unref(&a);
	bw_kube_object_unref(&b);
	bw_kube_object_unref(&c);
}

static void walks_go_by_namespace_and_name_in_byte_order(void **state UNUSED)
{
	struct bed b;

	make(&b);
	put(&b, "b", "x", 1, "");
	put(&b, "a", "z", 1, "");
	put(&b, "", "cluster", 1, "");
	put(&b, "a", "a-b", 1, "");
	put(&b, "a", "a", 1, "");
	put(&b, "a-b", "q", 1, "");
	assert_string_equal(walk(&b, NULL), "-/cluster a/a a/a-b a/z a-b/q b/x ");
	assert_string_equal(walk(&b, "a"), "a/a a/a-b a/z ");
	assert_string_equal(walk(&b, ""), "-/cluster ");
	assert_string_equal(walk(&b, "none"), "");
	assert_non_null(bw_kube_store_get(b.s, NULL, "cluster"));
	assert_null(bw_kube_store_get(b.s, "a", "cluster"));
	unmake(&b);
}

static void indexes_follow_every_change(void **state UNUSED)
{
	struct bed b;

	make(&b);
	put(&b, "db", "b", 1, ",\"keys\":\"xy\"");
	put(&b, "db", "a", 1, ",\"keys\":\"yyz\""); /* a key given twice counts once */
	assert_string_equal(found(&b, "letter", "x"), "db/b ");
	assert_string_equal(found(&b, "letter", "y"), "db/a db/b ");
	put(&b, "db", "b", 2, ",\"keys\":\"z\"");
	assert_string_equal(found(&b, "letter", "x"), "");
	assert_string_equal(found(&b, "letter", "z"), "db/a db/b ");
	bw_kube_store_remove(b.s, "db", "a");
	assert_string_equal(found(&b, "letter", "z"), "db/b ");
	assert_string_equal(found(&b, "letter", "y"), "");
	assert_string_equal(found(&b, "no such index", "y"), "");
	unmake(&b);
}

static void a_kept_reference_outlives_its_place(void **state UNUSED)
{
	struct bw_kube_object *kept;
	struct bed b;

	make(&b);
	put(&b, "db", "a", 1, ",\"x\":1");
	kept = bw_kube_object_ref(bw_kube_store_get(b.s, "db", "a"));
	put(&b, "db", "a", 2, ",\"x\":2");
	bw_kube_store_remove(b.s, "db", "a");
	assert_non_null(strstr(kept->text, "\"x\":1"));
	unmake(&b);
	assert_string_equal(kept->name, "a");
	bw_kube_object_unref(&kept);
}

static void a_complete_list_replaces_what_was_there(void **state UNUSED)
{
	struct bw_kube_shadow sh = { 0 };
	static const char names[] = "bdef";
	struct bed b;

	make(&b);
	put(&b, "db", "a", 1, "");
	put(&b, "db", "b", 1, "");
	put(&b, "db", "c", 1, "");
	put(&b, "db", "d", 1, "");
	b.log[0] = '\0';
	for (unsigned int i = 0; names[i]; i++) {
		char name[2] = { names[i], '\0' };
		struct bw_kube_object *o = object("db", name, i == 1 ? 1 : 2, i ? "" : ",\"x\":1");

		assert_int_equal(bw_kube_shadow_put(&sh, o), 0);
		bw_kube_object_unref(&o);
	}
	assert_int_equal(bw_kube_store_replace(b.s, &sh), 0);
	assert_string_equal(b.log, "-a -c ~b +e +f ");
	assert_string_equal(walk(&b, NULL), "db/b db/d db/e db/f ");
	assert_int_equal(sh.objects.count, 0);
	unmake(&b);
}

static void on_sync(void *arg)
{
	++*(unsigned int *)arg;
}

static void the_first_sync_is_told_once_also_to_those_who_come_late(void **state UNUSED)
{
	struct bw_err err = { 0 };
	unsigned int early = 0;
	unsigned int late = 0;
	struct bed b;

	make(&b);
	assert_int_equal(bw_kube_store_on_sync(b.s, on_sync, &early, &err), 0);
	bw_kube_store_set_synced(b.s);
	assert_int_equal(early, 0); /* by defer */
	assert_int_equal(bw_kube_store_on_sync(b.s, on_sync, &late, &err), 0);
	bw_kube_store_set_synced(b.s);
	assert_int_equal(bw_loop_run(b.loop, &err), 0);
	assert_int_equal(early, 1);
	assert_int_equal(late, 1);
	unmake(&b);
}

static void memory_that_fails_changes_nothing(void **state UNUSED)
{
	struct bed b;
	long n = 0;
	int failed;
	int r;

	do {
		struct bw_kube_object *one = object("db", "a", 1, ",\"keys\":\"xy\"");
		struct bw_kube_object *two = object("db", "a", 2, ",\"keys\":\"yz\"");

		make(&b);
		fail_alloc_start(n);
		r = bw_kube_store_put(b.s, one);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_string_equal(b.log, failed ? "" : "+a ");
		assert_string_equal(found(&b, "letter", "x"), failed ? "" : "db/a ");
		if (failed)
			assert_int_equal(bw_kube_store_put(b.s, one), 0);
		b.log[0] = '\0';
		fail_alloc_start(n++);
		r = bw_kube_store_put(b.s, two);
		failed |= fail_alloc_stop();
		if (r < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_string_equal(b.log, "");
			assert_string_equal(found(&b, "letter", "x"), "db/a ");
			assert_string_equal(found(&b, "letter", "z"), "");
		} else {
			assert_string_equal(b.log, "~a ");
			assert_string_equal(found(&b, "letter", "x"), "");
			assert_string_equal(found(&b, "letter", "z"), "db/a ");
		}
		bw_kube_object_unref(&one);
		bw_kube_object_unref(&two);
		unmake(&b);
	} while (failed);
	assert_true(n > (FAIL_ALLOC_WORKS ? 3 : 0));
}

static void random_changes_agree_with_a_plain_list(void **state UNUSED)
{
	struct bw_kube_rand r = { 11 };
	unsigned char there[64] = { 0 };
	struct bed b;

	make(&b);
	for (unsigned int i = 0; i < 5000; i++) {
		unsigned int k = (unsigned int)bw_kube_rand_below(&r, 64);
		char name[8];
		char rest[32];
		size_t n = 0;

		(void)snprintf(name, sizeof(name), "n%02u", k);
		(void)snprintf(rest, sizeof(rest), ",\"keys\":\"%c%c\"", 'a' + (int)(i % 5),
			       'a' + (int)(k % 7));
		b.log[0] = '\0';
		if (bw_kube_rand_below(&r, 3)) {
			put(&b, "db", name, i, rest);
			there[k] = (unsigned char)(1 + i % 5);
		} else {
			bw_kube_store_remove(b.s, "db", name);
			there[k] = 0;
		}
		for (unsigned int j = 0; j < 64; j++)
			n += there[j] != 0;
		assert_int_equal(bw_kube_store_count(b.s), n);
		if (i % 97 == 0) {
			static char want[1024];

			want[0] = '\0';
			for (unsigned int j = 0; j < 64; j++)
				if (there[j] == 3 || (there[j] && j % 7 == 2)) {
					(void)snprintf(name, sizeof(name), "n%02u", j);
					strcat(strcat(strcat(want, "db/"), name), " ");
				}
			assert_string_equal(found(&b, "letter", "c"), want);
		}
	}
	unmake(&b);
}

static double ms_since(const struct timespec *from)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - from->tv_sec) * 1e3 +
	       (double)(now.tv_nsec - from->tv_nsec) / 1e6;
}

static int count_one(struct bw_kube_object *o, void *arg)
{
	++*(size_t *)arg;
	return o->deleting;
}

/* Printed, not judged: but the bytes beside the texts, which are the same everywhere. */
static void ten_thousand_objects_cost_little_more_than_their_texts(void **state UNUSED)
{
	struct bw_err err = { 0 };
	struct timespec from = { 0 };
	struct bw_kube_store *s = NULL;
	struct bw_loop *loop = NULL;
	static char big[4096];
	static char text[8192];
	size_t heap_before;
	size_t heap;
	size_t n = 0;

	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(bw_loop_new_virtual(0, 0, &loop, &err), 0);
	assert_int_equal(bw_kube_store_new(loop, &claims, &s, &err), 0);
	heap_before = mallinfo2().uordblks + mallinfo2().hblkhd;
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned int i = 0; i < MANY; i++) {
		struct bw_kube_object *o = NULL;
		int len = snprintf(text, sizeof(text),
				   "{\"metadata\":{\"namespace\":\"db\",\"name\":\"claim-%05u\","
				   "\"uid\":\"0b0e7f64-2f0e-4a35-8e5c-1f00000%05u\","
				   "\"resourceVersion\":\"%u\",\"generation\":1},\"spec\":\"%s\"}",
				   i, i, 1000 + i, big);

		assert_int_equal(bw_kube_object_new(&claims, text, (size_t)len, &o, &err), 0);
		assert_int_equal(bw_kube_store_put(s, o), 0);
		bw_kube_object_unref(&o);
	}
	heap = mallinfo2().uordblks + mallinfo2().hblkhd - heap_before;
	print_message("# %d objects of %zu bytes: read and stored in %.0f ms, %.1f MiB of heap, "
		      "%.0f bytes an object beside its text\n",
		      MANY, bw_kube_store_bytes(s) / MANY, ms_since(&from), (double)heap / 1048576,
		      ((double)heap - (double)bw_kube_store_bytes(s)) / MANY);
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(bw_kube_store_each(s, NULL, count_one, &n), 0);
	assert_int_equal(n, MANY);
	print_message("# a walk over all of them: %.2f ms\n", ms_since(&from));
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned int i = 0; i < MANY; i++) {
		(void)snprintf(text, sizeof(text), "claim-%05u", (i * 7919) % MANY);
		assert_non_null(bw_kube_store_get(s, "db", text));
	}
	print_message("# a look-up: %.2f us\n", ms_since(&from) * 1000 / MANY);
	if (FAIL_ALLOC_WORKS)
		assert_true(heap - bw_kube_store_bytes(s) < 400UL * MANY);
	bw_kube_store_free(&s);
	bw_loop_free(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_read_from_its_text),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(the_hash_leaves_the_version_out),
		cmocka_unit_test(walks_go_by_namespace_and_name_in_byte_order),
		cmocka_unit_test(indexes_follow_every_change),
		cmocka_unit_test(a_kept_reference_outlives_its_place),
		cmocka_unit_test(a_complete_list_replaces_what_was_there),
		cmocka_unit_test(the_first_sync_is_told_once_also_to_those_who_come_late),
		cmocka_unit_test(memory_that_fails_changes_nothing),
		cmocka_unit_test(random_changes_agree_with_a_plain_list),
		cmocka_unit_test(ten_thousand_objects_cost_little_more_than_their_texts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Files that change under a process that is to be told of it. */
#include "stopbed.h"

#define POD(on_change_, template_, more_)                                                          \
	"{\"kind\":\"Unit\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\"},\"spec\":{"         \
	"\"mainContainerName\":\"redis\",\"startup\":true,\"networking\":{\"network\":\"lan\"},"   \
	"\"template\":{\"spec\":{\"containers\":[{\"name\":\"redis\",\"image\":\"redis\"" more_    \
	"}]}},\"config\":{\"onChange\":\"" on_change_                                              \
	"\",\"templates\":[{\"name\":\"conf\",\"template\":\"" template_ "\"}]}}}"
#define COMMAND ",\"command\":[\"redis-server\"]"
#define FILE_IS(text_)                                                                             \
	"{\"spec\":{\"config\":{\"templates\":[{\"name\":\"conf\",\"template\":\"" text_ "\"}]}}}"

static struct ubed *const u = &sb.u;

static const char *said(const char *path, char out[256])
{
	return bed_get(&u->bed, SIM_UNIT, "db", "r", path, out);
}

static void change(const char *json, int64_t ms)
{
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL, json);
	stopbed_live(ms);
}

static void make(const char *json)
{
	char text[256];

	bed_put(&u->bed, json);
	stopbed_live(8000);
	assert_string_equal(said("status.phase", text), "Ready");
	assert_string_equal(ubed_reason(u, "r", "NotFollowed", text), "");
}

/* The kubelet brings what the status desires. */
static void arrive(int64_t ms)
{
	char text[256];

	(void)snprintf(sb.files, sizeof(sb.files), "%.63s", said("status.config.desired", text));
	stopbed_live(ms);
}

static void delivered_is_desired(int want)
{
	char a[256];
	char b[256];

	assert_true(*said("status.config.desired", a));
	assert_int_equal(strcmp(a, said("status.config.delivered", b)) == 0, want);
}

static void the_process_is_told_when_its_files_have_come(void **state)
{
	char uid[256];
	char is[256];
	size_t n;

	(void)state;
	make(POD("Signal", "a", COMMAND));
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", uid);
	delivered_is_desired(1);
	assert_int_equal(sb.n, 0);
	change(FILE_IS("b"), 60000);
	delivered_is_desired(0);
	assert_int_equal(sb.signals, 0);
	assert_in_range(sb.n, 5, 15);
	assert_string_equal(ubed_reason(u, "r", "SignalFailed", is), "");
	arrive(10000);
	assert_int_equal(sb.signals, 1);
	delivered_is_desired(1);
	/* Once, and the pod is the same. */
	n = sb.n;
	stopbed_live(600000);
	assert_int_equal(sb.n, n);
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", is);
	assert_string_equal(is, uid);
	ubed_boot(u);
	stopbed_live(60000);
	assert_int_equal(sb.n, n);
	change(FILE_IS("c"), 5000);
	arrive(10000);
	assert_int_equal(sb.signals, 2);
	/* Another pod begins with them. */
	bed_delete(&u->bed, SIM_POD, "db", "r");
	stopbed_live(10000);
	delivered_is_desired(1);
	assert_int_equal(sb.signals, 2);
}

static void only_the_last_of_many_changes_counts(void **state)
{
	(void)state;
	make(POD("Signal", "a", COMMAND));
	change(FILE_IS("b"), 3000);
	arrive(0);
	change(FILE_IS("c"), 60000);
	assert_int_equal(sb.signals, 0);
	arrive(10000);
	assert_int_equal(sb.signals, 1);
	delivered_is_desired(1);
}

static void a_process_that_is_stopped_is_told_when_it_runs(void **state)
{
	(void)state;
	make(POD("Signal", "a", COMMAND));
	change("{\"spec\":{\"startup\":false}}", 10000);
	change(FILE_IS("b"), 3000);
	arrive(60000);
	assert_int_equal(sb.n, 1);
	change("{\"spec\":{\"startup\":true}}", 20000);
	assert_int_equal(sb.signals, 1);
	delivered_is_desired(1);
}

static void who_does_not_ask_for_it_is_not_told(void **state)
{
	(void)state;
	make(POD("None", "a", COMMAND));
	change(FILE_IS("b"), 3000);
	arrive(60000);
	assert_int_equal(sb.n, 0);
	delivered_is_desired(0);
}

static void a_command_that_fails_is_said(void **state)
{
	char text[256];

	(void)state;
	make(POD("Signal", "a", COMMAND));
	sb.fate = EXEC_BROKEN;
	change(FILE_IS("b"), 20000);
	assert_string_equal(ubed_reason(u, "r", "SignalFailed", text), "SignalFailed");
	assert_int_equal(sb.n, 1);
	sb.fate = EXEC_PASS;
	arrive(60000);
	assert_int_equal(sb.signals, 1);
	assert_string_equal(ubed_reason(u, "r", "SignalFailed", text), "");
	assert_string_equal(said("status.phase", text), "Ready");
}

static void what_cannot_be_followed_is_said(void **state)
{
	char text[256];

	(void)state;
	bed_put(&u->bed, POD("Signal", "a", COMMAND ",\"livenessProbe\":{\"grpc\":{\"port\":1}}"));
	stopbed_live(8000);
	assert_string_equal(said("status.phase", text), "Ready");
	assert_string_equal(ubed_reason(u, "r", "NotFollowed", text), "NotFollowed");
	change(FILE_IS("b"), 20000);
	assert_int_equal(sb.n, 0);
}

#define AUTH(word_)                                                                                \
	"{\"kind\":\"Secret\",\"metadata\":{\"name\":\"auth\",\"namespace\":\"db\"},\"data\":{"    \
	"\"word\":\"" word_ "\"}}"
#define HUSH "aHVzaGh1c2g=" /* hushhush */
#define LOUD "bG91ZGxvdWQ="

/* Nothing of a secret is where people without a right to Secrets look, nor in a command. */
static void is_hushed(void)
{
	for (size_t i = 0; i < sim_store_log_size(u->bed.store); i++) {
		const struct sim_version *v = sim_store_log(u->bed.store, i);

		if (v->key->kind != &sim_kinds[SIM_SECRET] && v->text)
			assert_null(strstr(v->text, "hushhush"));
	}
	for (size_t i = 0; i < sb.n; i++) {
		assert_null(strstr(sb.log[i], "hush"));
		assert_int_equal(strncmp(sb.log[i], "reload secret-1", 15), 0);
	}
}

static void a_secret_in_a_file_is_told_of_by_its_mark(void **state)
{
	char before[256];
	char text[256];
	size_t n;

	(void)state;
	bed_put(&u->bed, AUTH(HUSH));
	make(POD("Signal", "pass {{secret.auth.word}}", COMMAND));
	delivered_is_desired(1);
	said("status.config.desired", before);
	assert_int_equal(strncmp(before, "secret-1", 8), 0);
	assert_int_equal(sb.n, 0);
	/* Secrets are read again every five minutes. */
	bed_merge(&u->bed, SIM_SECRET, "db", "auth", NULL, "{\"data\":{\"word\":\"" LOUD "\"}}");
	stopbed_live(330000);
	delivered_is_desired(0);
	assert_int_equal(sb.signals, 0);
	arrive(10000);
	assert_int_equal(sb.signals, 1);
	delivered_is_desired(1);
	is_hushed();
	/* Two changes in one second are two marks. */
	change(FILE_IS("{{secret.auth.word}}2"), 300);
	change(FILE_IS("{{secret.auth.word}}3"), 3000);
	said("status.config.desired", before);
	assert_string_not_equal(said("status.config.delivered", text), before);
	arrive(10000);
	assert_int_equal(sb.signals, 2);
	/* Without a secret they are where this pod does not look. */
	change(FILE_IS("b"), 10000);
	n = sb.n;
	assert_string_equal(ubed_reason(u, "r", "SignalFailed", text), "SignalFailed");
	stopbed_live(60000);
	assert_int_equal(sb.n, n);
	bed_delete(&u->bed, SIM_POD, "db", "r");
	stopbed_live(10000);
	assert_string_equal(ubed_reason(u, "r", "SignalFailed", text), "");
	delivered_is_desired(1);
}

static void who_has_a_file_of_that_name_is_told_nothing(void **state)
{
	char text[256];

	(void)state;
	bed_put(&u->bed, AUTH(HUSH));
	bed_put(&u->bed, POD("Signal", "{{secret.auth.word}}", COMMAND));
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL,
		  "{\"spec\":{\"config\":{\"templates\":[{\"name\":\".barewire\",\"template\":"
		  "\"{{secret.auth.word}}\"}]}}}");
	stopbed_live(8000);
	assert_string_equal(said("status.phase", text), "Ready");
	assert_string_equal(ubed_reason(u, "r", "NotFollowed", text), "NotFollowed");
	assert_int_equal(sb.n, 0);
}

static unsigned int secret_life(unsigned int crash_at)
{
	unsigned int before;

	assert_int_equal(stopbed_set_up(NULL), 0);
	before = u->sent;
	u->crash_at = crash_at ? before + crash_at : 0;
	bed_put(&u->bed, AUTH(HUSH));
	bed_put(&u->bed, POD("Signal", "a {{secret.auth.word}}", COMMAND));
	stopbed_live(20000);
	change(FILE_IS("b {{secret.auth.word}}"), 20000);
	arrive(40000);
	assert_in_range(sb.signals, 1, crash_at ? 2 : 1);
	delivered_is_desired(1);
	is_hushed();
	before = u->sent - before;
	assert_int_equal(stopbed_tear_down(NULL), 0);
	return before;
}

static unsigned int life(unsigned int crash_at)
{
	unsigned int before;

	assert_int_equal(stopbed_set_up(NULL), 0);
	before = u->sent;
	u->crash_at = crash_at ? before + crash_at : 0;
	bed_put(&u->bed, POD("Signal", "a", COMMAND));
	stopbed_live(20000);
	change(FILE_IS("b"), 20000);
	arrive(40000);
	assert_in_range(sb.signals, 1, crash_at ? 2 : 1);
	delivered_is_desired(1);
	before = u->sent - before;
	assert_int_equal(stopbed_tear_down(NULL), 0);
	return before;
}

static void a_crash_tells_it_once_more_at_most(void **state)
{
	(void)state;
	stopbed_crash_everywhere(life, 15, 60);
	stopbed_crash_everywhere(secret_life, 15, 60);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, stopbed_set_up, stopbed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_process_is_told_when_its_files_have_come),
		TEST(only_the_last_of_many_changes_counts),
		TEST(a_process_that_is_stopped_is_told_when_it_runs),
		TEST(who_does_not_ask_for_it_is_not_told),
		TEST(a_command_that_fails_is_said),
		TEST(what_cannot_be_followed_is_said),
		TEST(a_secret_in_a_file_is_told_of_by_its_mark),
		TEST(who_has_a_file_of_that_name_is_told_nothing),
		TEST(a_crash_tells_it_once_more_at_most),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

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
		TEST(a_crash_tells_it_once_more_at_most),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

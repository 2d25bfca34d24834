/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bed of Units with a barewire-launch in each pod: commands that the controller runs there are
 * carried out on a model, answered a moment later, and counted as calls that a crash may precede.
 * Include it in one file of a program.
 */
#pragma once

#include <bw/kube_podexec.h>

#include "stamp.h"
#include "unitbed.h"

#define EXECS_MAX 64
#define ANSWER_NS 50000000LL

/* How the next command ends. */
enum exec_fate {
	EXEC_PASS,
	EXEC_FORBIDDEN, /* nothing is done */
	EXEC_LOST, /* it is done, and nobody hears of it */
	EXEC_BROKEN, /* the program is not there */
};

struct stopbed {
	struct ubed u;
	/* The launcher of the pod with that UID. */
	char uid[256];
	uint8_t stop_file;
	uint8_t runs;
	uint8_t replaced; /* the pod of the name is another one, which no watch has shown */
	uint8_t slow; /* a stopped process is still ending until this is cleared */
	unsigned int starts;
	char files[64]; /* hash of those that the kubelet has brought */
	unsigned int signals;
	/* Commands. */
	char log[EXECS_MAX][64];
	size_t n;
	enum exec_fate fate;
	struct bw_kube_podexec *x; /* in flight */
	struct bw_timer timer;
	struct bw_kube_podexec_answer answer;
	char out[128];
};

static struct stopbed sb;

static inline const char *launcher_state(void)
{
	if (sb.runs)
		return sb.stop_file ? "Stopping" : "Running";
	return "Stopped";
}

/* The process ends, or begins, as its file says. */
static inline void settle(void)
{
	if (sb.stop_file && sb.runs && !sb.slow)
		sb.runs = 0;
	if (!sb.stop_file && !sb.runs) {
		sb.runs = 1;
		sb.starts++;
	}
}

static inline void carry_out(const char *word)
{
	if (strcmp(word, "stop") == 0)
		sb.stop_file = 1;
	else if (strcmp(word, "start") == 0)
		sb.stop_file = 0;
	settle();
}

static inline void on_answer_time(void *arg)
{
	struct bw_kube_podexec *x = sb.x;

	(void)arg;
	sb.x = NULL;
	x->client = NULL;
	x->done(&sb.answer, x->arg);
}

static inline void reload(const char *hash)
{
	if (strcmp(hash, sb.files) == 0 && sb.runs && !sb.stop_file)
		sb.signals++;
	else
		sb.answer.exit_code = 3;
	sb.answer.out =
		sb.answer.exit_code ? "the files are not there yet\n" : "{\"state\":\"Running\"}\n";
}

static inline void prepare_answer(const char *word, const char *argument)
{
	int status = strcmp(word, "status") == 0;

	sb.answer = (struct bw_kube_podexec_answer){
		.reason = "", .message = "said", .out = sb.out, .errout = ""
	};
	switch (sb.fate) {
	case EXEC_PASS:
		if (strcmp(word, "reload") == 0) {
			reload(argument);
			break;
		}
		carry_out(word);
		(void)snprintf(sb.out, sizeof(sb.out), "{\"state\":\"%s\",\"pid\":7}\n",
			       launcher_state());
		sb.answer.exit_code = status && strcmp(launcher_state(), "Running") != 0 ? 3 : 0;
		/* A stop is answered when it is over. */
		if (!status && sb.slow)
			sb.answer.result = BW_KUBE_UNKNOWN;
		break;
	case EXEC_FORBIDDEN:
		sb.answer.result = BW_KUBE_FORBIDDEN;
		break;
	case EXEC_LOST:
		carry_out(word);
		sb.answer.result = BW_KUBE_UNKNOWN;
		break;
	case EXEC_BROKEN:
		sb.out[0] = '\0';
		sb.answer.exit_code = 127;
		sb.answer.errout = "no such \"file\"\nat all";
		sb.answer.errout_size = strlen(sb.answer.errout);
		break;
	}
	if (sb.answer.result != BW_KUBE_OK)
		sb.answer.exit_code = -1;
	sb.answer.out_size = strlen(sb.answer.out);
}

static inline void refuse_another(void)
{
	sb.answer = (struct bw_kube_podexec_answer){
		.exit_code = 4, .reason = "", .message = "said", .out = "", .errout = "another pod"
	};
	sb.answer.errout_size = strlen(sb.answer.errout);
}

static inline int exec_start(struct bw_kube_client *base, const struct bw_kube_podexec_request *r,
			     struct bw_kube_podexec *x, struct bw_err *err)
{
	struct sim_client *c = (struct sim_client *)base;
	struct ubed *u = &sb.u;
	char text[256];

	(void)err;
	assert_string_equal(r->namespace, "db");
	assert_string_equal(r->container, "redis");
	assert_string_equal(r->argv[0], "/barewire/barewire-launch");
	assert_in_range(r->timeout_ms, 1, 30000);
	if (c->dead)
		return 0;
	if (++u->sent == u->crash_at) {
		c->dead = 1;
		u->died = 1;
		return 0;
	}
	assert_null(sb.x);
	assert_true(sb.n < EXECS_MAX);
	text[0] = '\0';
	/* Which pod is meant is said with each of them. */
	assert_string_equal(r->argv[2], "--pod-uid");
	(void)snprintf(text, sizeof(text), "%s", r->argv[1]);
	for (size_t i = 4; r->argv[i]; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", r->argv[i]);
	(void)snprintf(sb.log[sb.n++], sizeof(sb.log[0]), "%.63s", text);
	bed_get(&u->bed, SIM_POD, "db", r->pod, "metadata.uid", text);
	if (sb.replaced)
		(void)snprintf(text, sizeof(text), "another");
	if (!sb.replaced && strcmp(text, sb.uid) != 0) { /* another pod, another folder */
		(void)snprintf(sb.uid, sizeof(sb.uid), "%s", text);
		sb.stop_file = 0;
		sb.runs = 1;
	}
	if (strcmp(r->argv[3], text) != 0)
		refuse_another();
	else
		prepare_answer(r->argv[1], r->argv[4]);
	sb.x = x;
	assert_int_equal(bw_timer_set(&sb.timer, bw_loop_now_ns(u->bed.loop) + ANSWER_NS), 0);
	return 0;
}

static inline void exec_cancel(struct bw_kube_podexec *x)
{
	if (x != sb.x)
		return;
	sb.x = NULL;
	bw_timer_stop(&sb.timer);
}

/* The model's client, which runs commands too. */
static inline void stopbed_booting(struct ubed *u)
{
	static struct bw_kube_client_ops ops;

	ops = *u->bed.client.base.ops;
	ops.podexec_start = exec_start;
	ops.podexec_cancel = exec_cancel;
	u->bed.client.base.ops = &ops;
	bw_timer_init(&sb.timer, u->bed.loop, on_answer_time, NULL);
}

static inline int stopbed_set_up(void **state)
{
	(void)state;
	memset(&sb, 0, sizeof(sb));
	sb.runs = 1;
	ubed_init_as(&sb.u, "barewire.dev/barewire:1", stopbed_booting);
	return 0;
}

static inline int stopbed_tear_down(void **state)
{
	(void)state;
	ubed_done(&sb.u);
	return 0;
}

/* Readiness follows the process. */
static inline void stopbed_probe(void)
{
	struct ubed *u = &sb.u;
	const char *want = sb.runs && !sb.stop_file ? "True" : "False";
	char uid[256];
	char phase[256];
	char is[256];
	char now[CTL_STAMP_MAX];
	char text[512];

	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", uid);
	if (!*uid ||
	    strcmp(bed_get(&u->bed, SIM_POD, "db", "r", "status.phase", phase), "Running") != 0)
		return;
	if (strcmp(uid, sb.uid) != 0)
		want = "True";
	bed_get(&u->bed, SIM_POD, "db", "r", "status.conditions.0.status", is);
	if (strcmp(is, want) == 0 || strcmp(is, "Unknown") == 0)
		return;
	ctl_stamp(bw_loop_real_s(u->bed.loop), now);
	(void)snprintf(text, sizeof(text),
		       "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\","
		       "\"lastTransitionTime\":\"%s\"}]}}",
		       want, now);
	bed_merge(&u->bed, SIM_POD, "db", "r", "status", text);
}

static inline void stopbed_live(int64_t ms)
{
	for (int64_t at = 0; at < ms; at += 100) {
		ubed_live(&sb.u, 100);
		settle();
		stopbed_probe();
	}
}

/* A life to its end, then one for each of its calls, before which the controller dies. @life
 * returns how many calls it took. */
static inline void stopbed_crash_everywhere(unsigned int (*life)(unsigned int crash_at),
					    unsigned int min, unsigned int max)
{
	unsigned int n;

	assert_int_equal(stopbed_tear_down(NULL), 0);
	n = life(0);
	assert_in_range(n, min, max);
	for (unsigned int at = 1; at <= n; at++)
		(void)life(at);
	print_message("# %u calls, a crash before each\n", n);
	assert_int_equal(stopbed_set_up(NULL), 0);
}

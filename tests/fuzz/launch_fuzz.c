/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What barewire-launch reads: requests, targets of probes, the first line of an HTTP answer, lines
 * of /proc/PID/stat. What is accepted is within its bounds.
 * fuzz seconds: 3
 */
#include <assert.h>
#include <string.h>

#include <bw/err.h>

#include "../../controller/unitd/launch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(const char *text, int is_url)
{
	struct launch_target t;

	if (launch_target_parse(text, is_url, &t, NULL) < 0)
		return;
	assert(t.port && strlen(t.host) < sizeof(t.host));
	assert(t.path[0] == '/' && !strpbrk(t.path, " \r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bw_autofree char *text = strndup((const char *)data, size);
	struct launch_request q;
	int status = launch_http_status((const char *)data, size);
	int signo;

	assert(text);
	assert(status >= -1 && status <= 999);
	assert(launch_stat_parent(text) >= -1);
	signo = launch_signal_number(text);
	assert(signo >= 0 && signo <= 64);
	/* A request is what stood before the first line's end. */
	if (strlen(text) <= LAUNCH_LINE_MAX && launch_request_parse(text, &q, NULL) == 0)
		assert(q.verb < LAUNCH_VERB_MAX_ && q.seconds <= LAUNCH_GRACE_MAX_S &&
		       q.signo >= 0 && q.signo <= 64);
	check_target(text, 0);
	check_target(text, 1);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Differences that a look found, as texts. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "differ.h"

static const char *const reasons[] = {
	[AGENT_DIFFER_MISSING] = "InterfaceMissing",       [AGENT_DIFFER_MOVED] = "InterfaceMoved",
	[AGENT_DIFFER_UNKNOWN] = "InterfaceUnknown",       [AGENT_DIFFER_CUT] = "CutOff",
	[AGENT_DIFFER_WAITING] = "AcknowledgementWaiting",
};
static_assert(BW_ARRAY_SIZE(reasons) == AGENT_DIFFER_MAX_, "a reason has no text");

const char *agent_differ_str(enum agent_differ reason)
{
	return (unsigned int)reason < AGENT_DIFFER_MAX_ ? reasons[reason] : "Unknown";
}

void agent_differ_add(struct agent_differences *d, enum agent_differ reason, const char *pod,
		      const char *fmt, ...)
{
	struct agent_difference *to;
	va_list ap;

	if (d->n == AGENT_DIFFERENCES_MAX)
		return;
	to = &d->list[d->n++];
	memset(to, 0, sizeof(*to));
	to->reason = reason;
	/* What is longer is cut, ignoring. */
	(void)snprintf(to->pod, sizeof(to->pod), "%s", pod);
	va_start(ap, fmt);
	(void)vsnprintf(to->message, sizeof(to->message), fmt, ap);
	va_end(ap);
}

int agent_differ_same(const struct agent_differences *a, const struct agent_differences *b)
{
	if (a->n != b->n)
		return 0;
	for (size_t i = 0; i < a->n; i++)
		if (a->list[i].reason != b->list[i].reason ||
		    strcmp(a->list[i].pod, b->list[i].pod) != 0 ||
		    strcmp(a->list[i].message, b->list[i].message) != 0)
			return 0;
	return 1;
}

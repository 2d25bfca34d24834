/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a look found to differ between claims, journal and kernel, for the NodeNetwork's status and
 * so for `barewire check`. A memory of texts, no I/O.
 */
#pragma once

#include <bw/defs.h>

#define AGENT_DIFFERENCES_MAX 64 /* conf/crds/nodenetwork.yaml: maxItems */

enum agent_differ {
	AGENT_DIFFER_MISSING, /* the interface on the host is gone */
	AGENT_DIFFER_MOVED, /* it is not on its bridge */
	AGENT_DIFFER_UNKNOWN, /* one on a bridge of ours that no attachment has */
	AGENT_DIFFER_CUT, /* nothing of the attachment passes */
	AGENT_DIFFER_WAITING, /* an acknowledgement does not reach the cluster */
	AGENT_DIFFER_MAX_,
};

/* As the status says it, CamelCase. */
const char *agent_differ_str(enum agent_differ reason);

struct agent_difference {
	enum agent_differ reason;
	char pod[318]; /* namespace/name; "" = none is known */
	char message[257];
};

/* Zeroed is empty. */
struct agent_differences {
	struct agent_difference list[AGENT_DIFFERENCES_MAX];
	size_t n;
};

/**
 * agent_differ_add() - note a difference
 * @d: list; one that is full takes no more
 * @reason: kind
 * @pod: namespace/name, or ""
 *
 * The bytes of equal lists are equal.
 */
void agent_differ_add(struct agent_differences *d, enum agent_differ reason, const char *pod,
		      const char *fmt, ...) BW_PRINTF(4, 5);

/* Whether both say the same. */
int agent_differ_same(const struct agent_differences *a, const struct agent_differences *b);

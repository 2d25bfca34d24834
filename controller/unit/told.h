/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of barewire-launch in a Unit's pod, and what the last one said (told.c). */
#pragma once

#include "impl.h"

enum seen {
	SEEN_NOTHING, /* the command failed; .text says how */
	SEEN_LITTLE, /* it may have been carried out */
	SEEN_RUNNING,
	SEEN_STOPPING,
	SEEN_STOPPED,
};

/* What a command is for. */
enum unit_aim {
	UNIT_AIM_STOP,
	UNIT_AIM_START,
	UNIT_AIM_RELOAD,
	UNIT_AIM_LOOK, /* whether a process that nobody wants stopped is */
	UNIT_AIM_RESIZE, /* no command: what the server said of a resize */
};

/* What the last command in a pod said, or the server of its resize. May be forgotten at any moment:
 * then it is asked again. */
struct unit_told {
	struct bw_list node;
	char uid[BW_KUBE_UID_MAX + 1]; /* of the pod */
	enum unit_aim aim;
	char about[UNIT_CONFIG_HASH_MAX]; /* the command's first argument; "" = it had none */
	enum seen seen;
	uint8_t forbidden; /* of a resize: it may be allowed later */
	int exit_code; /* -1 = it did not run to an end */
	int64_t at_ns;
	char text[256];
};

/* The plan runs a command in the pod and comes again. @slow: it may last longer than one call. */
void unit_tell(struct unit_run *k, enum unit_aim aim, const char *const *argv, int slow);
/* What the last command in the pod said if it was for that; NULL = nothing. */
const struct unit_told *unit_told(const struct unit_run *k, enum unit_aim aim);
/* A place for what was said of the pod @uid, empty and dated now; NULL when out of memory. */
struct unit_told *unit_told_put(struct ctl_unit *c, const char *uid, enum unit_aim aim);
/* Whether @ms have passed since then; else the key comes again when they have. */
int unit_told_is_due(struct unit_run *k, const struct unit_told *t, int64_t ms);

/* Whether the pod has a barewire-launch. */
int unit_may_be_told(const struct unit_run *k);
/* Whether its container runs: one that crashes again and again does so now and then. */
int unit_can_be_told(const struct unit_run *k);
/* The pod's node does not answer. */
int unit_is_unreachable(const struct unit_run *k);

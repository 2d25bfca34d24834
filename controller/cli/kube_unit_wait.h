/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until a Unit is as it was asked to be. */
#pragma once

#include "kube_unit.h"

struct cli_kube_args;

/* Texts are borrowed for the call. */
struct cli_unit_goal {
	const char *ns;
	const char *name;
	const char *uid; /* another Unit of the name is not meant */
	const char *what; /* for people: "Restart restart-1", "stop" */
	const char *id; /* of the action; NULL = .startup */
	int resize; /* cpu and memory of that generation are the pod's */
	int cancel; /* the action is to be cancelled */
	int startup;
	int64_t generation; /* of the spec that says .startup */
	int64_t timeout_s;
};

/* Seconds of --timeout. 0; CLI_USAGE after a message. */
int cli_unit_timeout(const struct cli_kube_args *args, int64_t *ret_s);

/* CLI_OK it is done; CLI_FOUND after a message: it never will be, or not in time; CLI_FAILED. */
int cli_unit_wait(struct cli_session *s, const struct cli_unit_goal *goal);

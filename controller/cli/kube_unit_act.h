/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a Unit can go where a person sends it. */
#pragma once

#include "kube_unit.h"

#define CLI_WHY_MAX 512

/*
 * Whether a node is there, takes pods and reaches the Unit's segment, as far as the caller may
 * read that: the controller judges again. Return: 1; 0 and @why.
 */
int cli_node_takes(struct cli_session *s, const struct bw_db_unit *u, const char *node,
		   char why[CLI_WHY_MAX]);

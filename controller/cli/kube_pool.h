/* SPDX-License-Identifier: Apache-2.0 */
/* A pool for the commands that look at one. */
#pragma once

#include <gen/net.h>

struct cli_session;

/* The pool of that name; owned by the caller. CLI_OK; CLI_FOUND, CLI_FAILED after a message. */
int cli_pool_get(struct cli_session *s, const char *name, struct bw_net_pool *ret);

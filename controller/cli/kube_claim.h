/* SPDX-License-Identifier: Apache-2.0 */
/* A claim for people, in the commands that show one. */
#pragma once

#include <gen/net.h>

struct bw_buf;
struct cli_session;

/* Prints all of a claim. */
void cli_claim_print(const struct bw_net_claim *c);

/* The text of claim NAME or NAMESPACE/NAME. CLI_OK; CLI_FOUND, CLI_USAGE, CLI_FAILED after a
 * message. */
int cli_claim_get(struct cli_session *s, const char *word, char ns[64], struct bw_buf *ret);

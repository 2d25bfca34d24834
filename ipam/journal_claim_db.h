/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of claims in the journal share. */
#pragma once

#include <bw/journal_claim.h>

#define CLAIM_MINOR 2 /* version of the file that has the columns */

/* Whether the file has claims: an old one that is only read has not. */
int bw_journal_claim_known(const struct bw_journal *j);

/* Raises what is known of a claim's tokens, never lowers it. 0; -errno. */
int bw_journal_token_raise(struct bw_journal *j, const char *uid, const struct bw_journal_token *t,
			   struct bw_err *err);

/* One acknowledgement, without its body. 1 found, 0 none; -errno. */
int bw_journal_outbox_of(struct bw_journal *j, const char *uid, uint64_t token,
			 enum bw_outbox_kind kind, struct bw_outbox_row *ret, struct bw_err *err);

/* SPDX-License-Identifier: Apache-2.0 */
/* barewire unit: what its commands share. */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>
#include <gen/db.h>

struct cli_session;

/* A Unit as it was read. Zeroed is empty. */
struct cli_unit {
	char ns[64];
	struct bw_buf text;
	struct bw_db_unit o;
};

/* NULL-safe. */
void cli_unit_done(struct cli_unit *u);

/* Reads the Unit that @word names. CLI_OK; after a message CLI_FOUND, CLI_USAGE, CLI_FAILED. */
int cli_unit_get(struct cli_session *s, const char *word, struct cli_unit *ret);

/* The container that is the database; NULL = it cannot be said which. */
const char *cli_unit_main(const struct bw_db_unit *u);

/* Whether an action of it has begun and is not over. */
int cli_unit_acts(const struct bw_db_unit *u);

/* Whether the id is of an action that is over. */
int cli_unit_has_run(const struct bw_db_unit *u, const char *id);

/* Whether a condition says that something is wrong or waited for. */
int cli_condition_is_bad(const struct bw_kube_condition *c);

/* What a person can do about a condition's reason; NULL = nothing but wait. */
const char *cli_unit_hint(const char *reason);

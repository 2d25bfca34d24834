/* SPDX-License-Identifier: Apache-2.0 */
/* barewire unit: what its commands share. */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>
#include <bw/view_unit.h>
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

/* The container that -c names, or the main one. CLI_OK; CLI_USAGE after a message. */
int cli_unit_container(struct cli_session *s, const struct cli_unit *u, const char **ret);

/* Says that there is no pod, and why. CLI_FOUND. */
int cli_unit_no_pod(const struct cli_unit *u);

/* Writes all of it, waiting as long as it takes. 0; -errno of write(2). */
int cli_write_all(int fd, const char *data, size_t size);

/* Whether the id is of an action that is over. */
int cli_unit_has_run(const struct bw_db_unit *u, const char *id);

/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of used addresses as they are and as they should be, for check and repair. */
#pragma once

#include <bw/journal.h>

struct bw_err;

struct bw_run {
	char domain[BW_JOURNAL_DOMAIN_MAX + 1];
	struct bw_ip first;
	struct bw_ip last;
};

struct bw_runs {
	struct bw_run *runs; /* owned */
	size_t n;
	size_t cap;
};

void bw_runs_done(struct bw_runs *r);

/* What `address` makes of them, by (domain, first). 0; -errno. */
int bw_runs_of_addresses(struct bw_journal *j, struct bw_runs *ret, struct bw_err *err);

/* What `used` holds. */
int bw_runs_of_used(struct bw_journal *j, struct bw_runs *ret, struct bw_err *err);

/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of VF holds: open, list, compare a row, what a check finds. */
#pragma once

#include "help.h"

#define VF_A "0000:01:10.0"
#define VF_B "0000:01:10.2"

static struct bw_err err;

#define assert_ok(e)                                                                               \
	do {                                                                                       \
		int r_ = (e);                                                                      \
		if (r_ < 0)                                                                        \
			fail_msg("%s: %d: %s", #e, r_, err.msg);                                   \
	} while (0)

static inline struct bw_journal *open_new(void **state)
{
	struct bw_journal *j = NULL;

	assert_ok(bw_journal_open(*state, BW_JOURNAL_F_CREATE, &j, &err));
	return j;
}

static inline struct bw_journal *open_read(void **state)
{
	struct bw_journal *j = NULL;

	assert_ok(bw_journal_open(*state, BW_JOURNAL_F_READ, &j, &err));
	return j;
}

static inline void note(const char *text, void *arg)
{
	char *out = arg;

	(void)snprintf(out + strlen(out), 1024 - strlen(out), "%s\n", text);
}

static inline void assert_findings(struct bw_journal *j, int n, const char *want)
{
	char findings[1024] = "";
	int r = bw_journal_check(j, note, findings, &err);

	if (r != n || !strstr(findings, want))
		fail_msg("%d findings:\n%s%s", r, findings, r < 0 ? err.msg : "");
}

/* "pci cid slot, ..." of a walk. */
static inline int list(const struct bw_vf_hold *h, void *arg, struct bw_err *e)
{
	char *out = arg;

	(void)e;
	(void)snprintf(out + strlen(out), 1024 - strlen(out), "%s%s %s %u", *out ? ", " : "",
		       h->pci, h->container_id, h->slot);
	return 0;
}

static inline void assert_all(struct bw_journal *j, const char *want)
{
	char got[1024] = "";

	assert_ok(bw_journal_vf_each(j, list, got, &err));
	assert_string_equal(got, want);
}

/* The whole row, but for what the journal gives itself. */
static inline void assert_row(struct bw_journal *j, const struct bw_vf_hold *want)
{
	struct bw_vf_hold *got = calloc(1, sizeof(*got));

	if (!got)
		abort();
	assert_int_equal(bw_journal_vf_get(j, want->pci, got, &err), 1);
	assert_string_equal(got->pci, want->pci);
	assert_string_equal(got->container_id, want->container_id);
	assert_string_equal(got->ifname, want->ifname);
	assert_int_equal(got->slot, want->slot);
	assert_string_equal(got->network, want->network);
	assert_string_equal(got->boot_id, want->boot_id);
	assert_string_equal(got->netns, want->netns);
	assert_true(got->netns_id == want->netns_id);
	assert_string_equal(got->pf, want->pf);
	assert_int_equal(got->vf, want->vf);
	assert_int_equal(got->state, want->state);
	assert_string_equal(got->record, want->record);
	assert_true(got->id == want->id && got->id > 0);
	assert_true(got->since_s > 0);
	free(got);
}

struct dropper {
	struct bw_journal *j;
	int n;
};

/* Drops what a walk shows. */
static inline int drop_it(const struct bw_vf_hold *h, void *arg, struct bw_err *e)
{
	struct dropper *d = arg;

	d->n++;
	return bw_journal_vf_drop(d->j, h->pci, h->container_id, h->ifname, h->id, e) == 1 ? 0 : -1;
}

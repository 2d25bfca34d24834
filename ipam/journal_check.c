/* SPDX-License-Identifier: Apache-2.0 */
/* Is the journal sound: SQLite's own structure, the runs of `used`, rows that point to nothing. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "journal_db.h"
#include "journal_fix.h"

#define FINDINGS_MAX 100 /* more of them say nothing new */

struct checker {
	struct bw_journal *j;
	bw_journal_finding_fn fn;
	void *arg;
	int n;
};

static void find(struct checker *c, const char *text)
{
	if (c->n < FINDINGS_MAX)
		c->fn(text, c->arg);
	c->n++;
}

/* Each row of @sql is a finding: its first column. */
static int check_rows(struct checker *c, const char *sql, struct bw_err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(c->j->db, sql, -1, &st, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			const unsigned char *text = sqlite3_column_text(st, 0);

			find(c, text ? (const char *)text : "a row without a text");
		}
	}
	(void)sqlite3_finalize(st); /* repeats what step said, ignoring */
	return rc == SQLITE_DONE ? 0 : bw_journal_db_fail(c->j, rc, "check the journal", err);
}

/* What must give no row. */
static const struct {
	const char *sql;
	uint8_t minor; /* of the file that has the table */
} questions[] = {
	{ "SELECT 'file: ' || integrity_check FROM pragma_integrity_check WHERE "
	  "integrity_check <> 'ok'",
	  0 },
	{ "SELECT 'address ' || hex(d.ip) || ' in domain ' || d.domain || "
	  "' belongs to an attachment that does not exist' FROM address d "
	  "LEFT JOIN attachment a ON a.id = d.attachment "
	  "WHERE d.attachment IS NOT NULL AND a.id IS NULL",
	  0 },
	{ "SELECT 'attachment ' || container_id || ' ' || ifname || ' has state ' || state "
	  "FROM attachment WHERE state NOT IN (0, 1, 2)",
	  0 },
	/* A holder's attachment may be in the journal of another dataDir: not asked for here. */
	{ "SELECT 'VF ' || pci || ' of ' || container_id || ' ' || ifname || ' has state ' || state "
	  "FROM vf_hold WHERE state NOT IN (0, 1)",
	  1 },
	{ "SELECT 'VF ' || pci || ' of ' || container_id || ' ' || ifname || ' has no holder' "
	  "FROM vf_hold WHERE container_id = '' OR ifname = ''",
	  1 },
	{ "SELECT 'acknowledgement ' || o.kind || ' of claim ' || o.uid || ' token ' || o.token || "
	  "' contradicts a live attachment' FROM outbox o JOIN attachment a ON "
	  "a.claim_uid = o.uid AND a.token = o.token AND o.kind = 'detached'",
	  2 },
};

static void compare_run(struct checker *c, const struct bw_run *want, const struct bw_run *got)
{
	char text[256];
	char a[BW_IP_STR_MAX];
	char b[BW_IP_STR_MAX];
	const struct bw_run *r = want ? want : got;

	if (want && got && strcmp(want->domain, got->domain) == 0 &&
	    bw_ip_eq(&want->first, &got->first) && bw_ip_eq(&want->last, &got->last))
		return;
	/* cut is fine, ignoring */
	(void)snprintf(text, sizeof(text), "used: run %s-%s of domain %s %s",
		       bw_ip_str(&r->first, a), bw_ip_str(&r->last, b), r->domain,
		       want ? "of addresses is missing or different" : "has no addresses");
	find(c, text);
}

static int check_all(struct checker *c, struct bw_err *err)
{
	struct bw_runs want = { 0 };
	struct bw_runs got = { 0 };
	int r = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(questions) && r == 0; i++)
		if (questions[i].minor <= c->j->minor)
			r = check_rows(c, questions[i].sql, err);
	if (r == 0)
		r = bw_runs_of_addresses(c->j, &want, err);
	if (r == 0)
		r = bw_runs_of_used(c->j, &got, err);
	for (size_t i = 0; r == 0 && (i < want.n || i < got.n); i++)
		compare_run(c, i < want.n ? &want.runs[i] : NULL, i < got.n ? &got.runs[i] : NULL);
	bw_runs_done(&want);
	bw_runs_done(&got);
	return r;
}

/* One snapshot for all of it: others may be at work. */
int bw_journal_check(struct bw_journal *j, bw_journal_finding_fn fn, void *arg, struct bw_err *err)
{
	struct checker c = { .j = j, .fn = fn, .arg = arg };
	int own = sqlite3_get_autocommit(j->db);
	int r = own ? bw_journal_db_exec(j, "BEGIN", err) : 0;

	if (r < 0)
		return r;
	r = check_all(&c, err);
	if (own)
		bw_journal_rollback(j);
	return r < 0 ? r : c.n;
}

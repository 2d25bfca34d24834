/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of `address` and the runs of `used`, which change together (I2), and the cursors. A run is a
 * maximal stretch of used neighbours, so whether an address is used, and the next one that is not,
 * is one index look-up.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "journal_db.h"

#define BATCH 64

/* Neighbour of an address within its family; 0 when there is none. */
static int neighbour(const struct bw_ip *ip, int step, struct bw_ip *ret)
{
	static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	struct bw_ip n = *ip;

	if (bw_ip_add(&n, step) < 0)
		return 0;
	/* Next to the IPv4 addresses' own stretch of keys the families must not run together. */
	if (n.family == AF_INET6 && memcmp(n.b, v4_mapped, sizeof(v4_mapped)) == 0)
		return 0;
	*ret = n;
	return 1;
}

int bw_journal_used_run(struct bw_journal *j, const char *domain, const struct bw_ip *ip,
			struct bw_ip *ret_first, struct bw_ip *ret_last, struct bw_err *err)
{
	struct bw_ip first = { 0 };
	struct bw_ip last = { 0 };
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_USED_BELOW, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, domain);
	bw_journal_db_bind_ip(st, 2, ip);
	r = bw_journal_db_step(j, st, err);
	if (r <= 0)
		return r;
	r = bw_journal_db_ip(j, st, 0, &first, err);
	if (r == 0)
		r = bw_journal_db_ip(j, st, 1, &last, err);
	(void)sqlite3_reset(st); /* the row was read, ignoring */
	if (r < 0)
		return r;
	if (first.family != ip->family || bw_ip_cmp(&last, ip) < 0)
		return 0;
	*ret_first = first;
	*ret_last = last;
	return 1;
}

/* The last address of the run that begins at @first. 1, 0 none begins there; -errno. */
static int run_at(struct bw_journal *j, const char *domain, const struct bw_ip *first,
		  struct bw_ip *ret_last, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_USED_AT, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, domain);
	bw_journal_db_bind_ip(st, 2, first);
	r = bw_journal_db_step(j, st, err);
	if (r == 1) {
		r = bw_journal_db_ip(j, st, 0, ret_last, err);
		(void)sqlite3_reset(st); /* the row was read, ignoring */
		return r < 0 ? r : 1;
	}
	return r;
}

static int used_broken(struct bw_journal *j, const struct bw_ip *ip, struct bw_err *err)
{
	char s[BW_IP_STR_MAX];

	(void)bw_journal_db_fail(j, SQLITE_CORRUPT, "use the journal", err);
	(void)bw_wrap(err, -EBADMSG, "the runs of used addresses do not match %s",
		      bw_ip_str(ip, s));
	return -EBADMSG;
}

/* INSERT, EXTEND (both with @last) or REMOVE of the run that begins at @first. */
static int change_run(struct bw_journal *j, enum bw_journal_stmt id, const char *domain,
		      const struct bw_ip *first, const struct bw_ip *last, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, id, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, domain);
	bw_journal_db_bind_ip(st, 2, first);
	if (last)
		bw_journal_db_bind_ip(st, 3, last);
	r = bw_journal_db_run(j, st, err);
	/* Whatever is changed here was read before. */
	return r == 0 && sqlite3_changes(j->db) != 1 ? used_broken(j, first, err) : r;
}

/* Puts @ip into the runs: alone, at the end or the beginning of one, or between two. */
static int used_add(struct bw_journal *j, const char *domain, const struct bw_ip *ip,
		    struct bw_err *err)
{
	struct bw_ip below;
	struct bw_ip above;
	struct bw_ip first;
	struct bw_ip last;
	struct bw_ip above_last = { 0 };
	int left = 0;
	int right = 0;
	int r;

	if (neighbour(ip, -1, &below))
		left = bw_journal_used_run(j, domain, &below, &first, &last, err);
	if (left < 0)
		return left;
	if (left && !bw_ip_eq(&last, &below))
		return used_broken(j, ip, err);
	if (neighbour(ip, 1, &above))
		right = run_at(j, domain, &above, &above_last, err);
	if (right < 0)
		return right;
	if (right) {
		r = change_run(j, BW_ST_USED_REMOVE, domain, &above, NULL, err);
		if (r < 0)
			return r;
	}
	return change_run(j, left ? BW_ST_USED_EXTEND : BW_ST_USED_INSERT, domain,
			  left ? &first : ip, right ? &above_last : ip, err);
}

static int used_remove(struct bw_journal *j, const char *domain, const struct bw_ip *ip,
		       struct bw_err *err)
{
	struct bw_ip first;
	struct bw_ip last;
	struct bw_ip n;
	int r = bw_journal_used_run(j, domain, ip, &first, &last, err);

	if (r == 0)
		return used_broken(j, ip, err);
	if (r < 0)
		return r;
	if (bw_ip_eq(&first, ip)) {
		r = change_run(j, BW_ST_USED_REMOVE, domain, &first, NULL, err);
	} else {
		if (!neighbour(ip, -1, &n))
			return used_broken(j, ip, err);
		r = change_run(j, BW_ST_USED_EXTEND, domain, &first, &n, err);
	}
	if (r < 0 || bw_ip_eq(&last, ip))
		return r;
	if (!neighbour(ip, 1, &n))
		return used_broken(j, ip, err);
	return change_run(j, BW_ST_USED_INSERT, domain, &n, &last, err);
}

/* INSERT or WARM with the whole row. */
static int write_row(struct bw_journal *j, enum bw_journal_stmt id, const struct bw_journal_addr *a,
		     struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, id, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, a->domain);
	bw_journal_db_bind_ip(st, 2, &a->ip);
	/* Integers cannot fail to bind, ignoring. */
	(void)sqlite3_bind_int(st, 3, a->prefix_len);
	(void)sqlite3_bind_int64(st, 4, a->attachment);
	bw_journal_db_bind_text(st, 5, a->key);
	return bw_journal_db_run(j, st, err);
}

int bw_journal_addr_insert(struct bw_journal *j, const struct bw_journal_addr *a,
			   struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	int r = own < 0 ? own : write_row(j, BW_ST_ADDR_INSERT, a, err);

	if (r == 0)
		r = used_add(j, a->domain, &a->ip, err);
	return bw_journal_db_leave(j, own, r, err);
}

int bw_journal_addr_warm(struct bw_journal *j, const struct bw_journal_addr *a, struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	int r = own < 0 ? own : write_row(j, BW_ST_ADDR_WARM, a, err);

	if (r == 0 && sqlite3_changes(j->db) == 0)
		r = bw_reject(err, BW_ERR_INTERNAL, ENOENT, "journal: address is not cooling");
	return bw_journal_db_leave(j, own, r, err);
}

/* Columns in the order of ADDR_SELECT. */
static int read_row(struct bw_journal *j, sqlite3_stmt *st, struct bw_journal_addr *ret,
		    struct bw_err *err)
{
	memset(ret, 0, sizeof(*ret));
	bw_journal_db_text(st, 0, ret->domain, sizeof(ret->domain));
	ret->prefix_len = (uint8_t)sqlite3_column_int(st, 2);
	ret->attachment = sqlite3_column_int64(st, 3);
	ret->cooling_until_s = sqlite3_column_int64(st, 4);
	bw_journal_db_text(st, 5, ret->key, sizeof(ret->key));
	bw_journal_db_text(st, 6, ret->container_id, sizeof(ret->container_id));
	bw_journal_db_text(st, 7, ret->ifname, sizeof(ret->ifname));
	return bw_journal_db_ip(j, st, 1, &ret->ip, err);
}

int bw_journal_addr_get(struct bw_journal *j, const char *domain, const struct bw_ip *ip,
			struct bw_journal_addr *ret, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_ADDR_GET, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, domain);
	bw_journal_db_bind_ip(st, 2, ip);
	r = bw_journal_db_step(j, st, err);
	if (r == 1) {
		int c = read_row(j, st, ret, err);

		(void)sqlite3_reset(st); /* the row was read, ignoring */
		return c < 0 ? c : 1;
	}
	return r;
}

static int remove_addr(struct bw_journal *j, const char *domain, const struct bw_ip *ip,
		       struct bw_err *err)
{
	int r = change_run(j, BW_ST_ADDR_REMOVE, domain, ip, NULL, err);

	return r < 0 ? r : used_remove(j, domain, ip, err);
}

/* Collects up to @max rows that @st gives, in the columns of ADDR_SELECT. How many; -errno. */
static int collect(struct bw_journal *j, sqlite3_stmt *st, struct bw_journal_addr *rows, int max,
		   struct bw_err *err)
{
	int n = 0;
	int r = 0;

	while (n < max && (r = bw_journal_db_step(j, st, err)) == 1) {
		r = read_row(j, st, &rows[n], err);
		if (r < 0)
			break;
		n++;
	}
	(void)sqlite3_reset(st); /* repeats what step said, ignoring */
	return r < 0 ? r : n;
}

static int rows_of(struct bw_journal *j, int64_t attachment, struct bw_journal_addr *rows,
		   struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_ADDR_OF, &st, err);

	if (r < 0)
		return r;
	/* Integers cannot fail to bind, ignoring. */
	(void)sqlite3_bind_int64(st, 1, attachment);
	(void)sqlite3_bind_int(st, 2, BW_JOURNAL_ADDRS_MAX);
	return collect(j, st, rows, BW_JOURNAL_ADDRS_MAX, err);
}

static int free_addrs(struct bw_journal *j, int64_t attachment, struct bw_err *err)
{
	bw_autofree struct bw_journal_addr *rows = calloc(BW_JOURNAL_ADDRS_MAX, sizeof(*rows));
	int n;

	if (!rows)
		return bw_fail(err, ENOMEM, "free addresses");
	do {
		n = rows_of(j, attachment, rows, err);
		for (int i = 0; i < n; i++) {
			int r = remove_addr(j, rows[i].domain, &rows[i].ip, err);

			if (r < 0)
				return r;
		}
	} while (n == BW_JOURNAL_ADDRS_MAX);
	return n < 0 ? n : 0;
}

static int cool_addrs(struct bw_journal *j, int64_t attachment, int64_t until_s, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_ADDR_COOL, &st, err);

	if (r < 0)
		return r;
	/* Integers cannot fail to bind, ignoring. */
	(void)sqlite3_bind_int64(st, 1, attachment);
	(void)sqlite3_bind_int64(st, 2, until_s);
	return bw_journal_db_run(j, st, err);
}

int bw_journal_attach_remove(struct bw_journal *j, int64_t id, int64_t cool_until_s,
			     struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	sqlite3_stmt *st;
	int r = own;

	if (r >= 0)
		r = cool_until_s ? cool_addrs(j, id, cool_until_s, err) : free_addrs(j, id, err);
	if (r == 0)
		r = bw_journal_db_stmt(j, BW_ST_ATTACH_REMOVE, &st, err);
	if (r == 0) {
		(void)sqlite3_bind_int64(st, 1, id); /* cannot fail, ignoring */
		r = bw_journal_db_run(j, st, err);
		if (r == 0)
			r = sqlite3_changes(j->db) > 0;
	}
	return bw_journal_db_leave(j, own, r, err);
}

/* Up to @max cooled addresses of a domain into @ips. How many; -errno. */
static int cooled(struct bw_journal *j, const char *domain, int64_t now_s, struct bw_ip *ips,
		  int max, struct bw_err *err)
{
	sqlite3_stmt *st;
	int n = 0;
	int r = bw_journal_db_stmt(j, BW_ST_ADDR_COOLED, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, domain);
	/* Integers cannot fail to bind, ignoring. */
	(void)sqlite3_bind_int64(st, 2, now_s);
	(void)sqlite3_bind_int(st, 3, max);
	while (n < max && (r = bw_journal_db_step(j, st, err)) == 1) {
		r = bw_journal_db_ip(j, st, 1, &ips[n], err);
		if (r < 0)
			break;
		n++;
	}
	(void)sqlite3_reset(st); /* repeats what step said, ignoring */
	return r < 0 ? r : n;
}

int bw_journal_addr_expire(struct bw_journal *j, const char *domain, int64_t now_s,
			   unsigned int max, struct bw_err *err)
{
	struct bw_ip ips[BATCH];
	int own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	int done = 0;
	int n = 0;
	int r = own < 0 ? own : 0;

	while (r >= 0 && (unsigned int)done < max) {
		unsigned int left = max - (unsigned int)done;

		n = cooled(j, domain, now_s, ips, left < BATCH ? (int)left : BATCH, err);
		r = n;
		for (int i = 0; i < n && r >= 0; i++)
			r = remove_addr(j, domain, &ips[i], err);
		if (n <= 0)
			break;
		done += n;
	}
	return bw_journal_db_leave(j, own, r < 0 ? r : done, err);
}

static int walk(const struct bw_journal_addr *rows, int n, bw_journal_addr_fn fn, void *arg,
		struct bw_err *err)
{
	for (int i = 0; i < n; i++) {
		int r = fn(&rows[i], arg, err);

		if (r)
			return r;
	}
	return n < 0 ? n : 0;
}

/* The batch after (@domain, @ip); with @ip NULL from the domain's beginning. */
static int read_batch(struct bw_journal *j, const char *domain, const struct bw_ip *ip,
		      struct bw_journal_addr *rows, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_ADDR_EACH, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, domain);
	if (ip)
		bw_journal_db_bind_ip(st, 2, ip);
	else
		(void)sqlite3_bind_zeroblob(st, 2, 0); /* cannot fail, ignoring */
	(void)sqlite3_bind_int(st, 3, BATCH); /* cannot fail, ignoring */
	return collect(j, st, rows, BATCH, err);
}

int bw_journal_addr_each(struct bw_journal *j, const char *domain, bw_journal_addr_fn fn, void *arg,
			 struct bw_err *err)
{
	bw_autofree struct bw_journal_addr *rows = calloc(BATCH, sizeof(*rows));
	struct bw_journal_addr after = { 0 };
	int started = 0;
	int n;

	if (!rows)
		return bw_fail(err, ENOMEM, "read addresses");
	if (domain)
		(void)snprintf(after.domain, sizeof(after.domain), "%s",
			       domain); /* longer ones have no rows, ignoring */
	do {
		int kept = 0;
		int r;

		n = read_batch(j, after.domain, started ? &after.ip : NULL, rows, err);
		if (n < 0)
			return n;
		while (kept < n && (!domain || strcmp(rows[kept].domain, domain) == 0))
			kept++;
		r = walk(rows, kept, fn, arg, err);
		if (r || kept < n)
			return r;
		if (n > 0)
			after = rows[n - 1];
		started = 1;
	} while (n == BATCH);
	return 0;
}

int bw_journal_addr_of(struct bw_journal *j, int64_t attachment, bw_journal_addr_fn fn, void *arg,
		       struct bw_err *err)
{
	bw_autofree struct bw_journal_addr *rows = calloc(BW_JOURNAL_ADDRS_MAX, sizeof(*rows));

	if (!rows)
		return bw_fail(err, ENOMEM, "read addresses");
	return walk(rows, rows_of(j, attachment, rows, err), fn, arg, err);
}

int bw_journal_addr_who(struct bw_journal *j, const struct bw_ip *ip, bw_journal_addr_fn fn,
			void *arg, struct bw_err *err)
{
	bw_autofree struct bw_journal_addr *rows = calloc(BATCH, sizeof(*rows));
	sqlite3_stmt *st;
	int r;

	if (!rows)
		return bw_fail(err, ENOMEM, "read addresses");
	r = bw_journal_db_stmt(j, BW_ST_ADDR_WHO, &st, err);
	if (r < 0)
		return r;
	bw_journal_db_bind_ip(st, 1, ip);
	(void)sqlite3_bind_int(st, 2, BATCH); /* cannot fail, ignoring */
	return walk(rows, collect(j, st, rows, BATCH, err), fn, arg, err);
}

int bw_journal_cursor_get(struct bw_journal *j, const char *domain, const struct bw_ip *set,
			  struct bw_ip *ret, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_CURSOR_GET, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, domain);
	bw_journal_db_bind_ip(st, 2, set);
	r = bw_journal_db_step(j, st, err);
	if (r == 1) {
		int c = bw_journal_db_ip(j, st, 0, ret, err);

		(void)sqlite3_reset(st); /* the row was read, ignoring */
		return c < 0 ? c : 1;
	}
	return r;
}

int bw_journal_cursor_set(struct bw_journal *j, const char *domain, const struct bw_ip *set,
			  const struct bw_ip *ip, struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	int r = own < 0 ? own : change_run(j, BW_ST_CURSOR_SET, domain, set, ip, err);

	return bw_journal_db_leave(j, own, r, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Claims in the journal: bindings, tokens, which cluster it is. Acknowledgements: journal_outbox.c.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bw/err.h>
#include <bw/journal_claim.h>
#include <bw/link.h>

#include "journal_claim_db.h"
#include "journal_db.h"

#define NS_PER_S 1000000000LL

void bw_journal_claim_done(struct bw_journal_claim *c)
{
	if (!c)
		return;
	free(c->binding);
	memset(c, 0, sizeof(*c));
}

int bw_journal_claim_known(const struct bw_journal *j)
{
	return j->minor >= CLAIM_MINOR;
}

/* Columns in the order of CLAIM_COLUMNS. @ret is filled whole or not at all. */
static int read_row(sqlite3_stmt *st, struct bw_journal_claim *ret, struct bw_err *err)
{
	const void *text = sqlite3_column_blob(st, 9);
	size_t size = text ? (size_t)sqlite3_column_bytes(st, 9) : 0;
	char *binding = malloc(size + 1);

	if (!binding)
		return bw_fail(err, ENOMEM, "read a claim");
	if (size)
		memcpy(binding, text, size);
	binding[size] = '\0';
	bw_journal_db_text(st, 0, ret->uid, sizeof(ret->uid));
	bw_journal_db_text(st, 1, ret->iface, sizeof(ret->iface));
	bw_journal_db_text(st, 2, ret->ns, sizeof(ret->ns));
	bw_journal_db_text(st, 3, ret->name, sizeof(ret->name));
	ret->token = (uint64_t)sqlite3_column_int64(st, 4);
	ret->epoch = (uint64_t)sqlite3_column_int64(st, 5);
	bw_journal_db_text(st, 6, ret->resource_version, sizeof(ret->resource_version));
	bw_journal_db_text(st, 7, ret->boot_id, sizeof(ret->boot_id));
	ret->stale = sqlite3_column_int(st, 8) != 0;
	ret->binding = binding;
	return 0;
}

/* Steps a bound SELECT of one row. 1 @ret is filled, 0 there is none; -errno. */
static int read_one(struct bw_journal *j, sqlite3_stmt *st, struct bw_journal_claim *ret,
		    struct bw_err *err)
{
	int r = bw_journal_db_step(j, st, err);

	if (r == 1) {
		int rr = read_row(st, ret, err);

		(void)sqlite3_reset(st); /* the row was read, ignoring */
		return rr < 0 ? rr : 1;
	}
	return r;
}

/* A SELECT by up to three texts. */
static int select_row(struct bw_journal *j, enum bw_journal_stmt id, const char *const *keys,
		      int n_keys, struct bw_journal_claim *ret, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r;

	if (!bw_journal_claim_known(j))
		return 0;
	r = bw_journal_db_stmt(j, id, &st, err);
	if (r < 0)
		return r;
	for (int i = 0; i < n_keys; i++)
		bw_journal_db_bind_text(st, i + 1, keys[i]);
	return read_one(j, st, ret, err);
}

int bw_journal_claim_get(struct bw_journal *j, const char *uid, const char *iface,
			 struct bw_journal_claim *ret, struct bw_err *err)
{
	const char *const keys[] = { uid, iface };

	return select_row(j, BW_ST_CLAIM_GET, keys, 2, ret, err);
}

int bw_journal_claim_find(struct bw_journal *j, const char *ns, const char *name, const char *iface,
			  struct bw_journal_claim *ret, struct bw_err *err)
{
	const char *const keys[] = { ns, name, iface };

	return select_row(j, BW_ST_CLAIM_FIND, keys, 3, ret, err);
}

int bw_journal_claim_each(struct bw_journal *j, const char *uid, bw_journal_claim_fn fn, void *arg,
			  struct bw_err *err)
{
	bw_autoclaim struct bw_journal_claim c = { 0 };

	for (;;) {
		char last_uid[sizeof(c.uid)], last_iface[sizeof(c.iface)];
		const char *const keys[] = { last_uid, last_iface, uid ? uid : "" };
		int r;

		memcpy(last_uid, c.uid, sizeof(last_uid));
		memcpy(last_iface, c.iface, sizeof(last_iface));
		bw_journal_claim_done(&c);
		r = select_row(j, BW_ST_CLAIM_EACH, keys, 3, &c, err);
		if (r == 1)
			r = fn(&c, arg, err);
		else
			return r;
		if (r)
			return r;
	}
}

static int same_row(const struct bw_journal_claim *a, const struct bw_journal_claim *b)
{
	return a->token == b->token && a->epoch == b->epoch && !a->stale == !b->stale &&
	       strcmp(a->ns, b->ns) == 0 && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->boot_id, b->boot_id) == 0 && strcmp(a->binding, b->binding) == 0 &&
	       strcmp(a->resource_version, b->resource_version) == 0;
}

static int write_row(struct bw_journal *j, const struct bw_journal_claim *c, struct bw_err *err)
{
	struct timespec now = { 0 };
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_CLAIM_PUT, &st, err);

	if (r < 0)
		return r;
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail, ignoring */
	/* Nothing is copied, so binding cannot fail, ignoring. */
	bw_journal_db_bind_text(st, 1, c->uid);
	bw_journal_db_bind_text(st, 2, c->iface);
	bw_journal_db_bind_text(st, 3, c->ns);
	bw_journal_db_bind_text(st, 4, c->name);
	(void)sqlite3_bind_int64(st, 5, (int64_t)c->token);
	(void)sqlite3_bind_int64(st, 6, (int64_t)c->epoch);
	bw_journal_db_bind_text(st, 7, c->resource_version);
	bw_journal_db_bind_text(st, 8, c->boot_id);
	(void)sqlite3_bind_int(st, 9, c->stale != 0);
	bw_journal_db_bind_text(st, 10, c->binding);
	(void)sqlite3_bind_int64(st, 11, (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec);
	return bw_journal_db_run(j, st, err);
}

static int check_token(const struct bw_journal_claim *c, const struct bw_journal_token *t,
		       struct bw_err *err)
{
	if (c->token < t->seen)
		return bw_reject(err, BW_ERR_BUSY, ESTALE,
				 "claim %.63s/%.200s: token %llu is older than %llu, which this "
				 "node has seen",
				 c->ns, c->name, (unsigned long long)c->token,
				 (unsigned long long)t->seen);
	if (c->token <= t->detached)
		return bw_reject(err, BW_ERR_BUSY, ESTALE,
				 "claim %.63s/%.200s: this node has given token %llu back", c->ns,
				 c->name, (unsigned long long)t->detached);
	return 0;
}

/* In the open transaction. */
static int put(struct bw_journal *j, const struct bw_journal_claim *c, struct bw_err *err)
{
	bw_autoclaim struct bw_journal_claim old = { 0 };
	struct bw_journal_token t = { 0 };
	int r = bw_journal_token_get(j, c->uid, &t, err);

	if (r >= 0)
		r = check_token(c, &t, err);
	if (r >= 0)
		r = bw_journal_claim_get(j, c->uid, c->iface, &old, err);
	if (r < 0)
		return r;
	if (r == 1 && old.binding && same_row(&old, c))
		return 0;
	t.seen = c->token;
	memcpy(t.ns, c->ns, sizeof(t.ns));
	memcpy(t.name, c->name, sizeof(t.name));
	r = bw_journal_token_raise(j, c->uid, &t, err);
	if (r == 0)
		r = write_row(j, c, err);
	return r < 0 ? r : 1;
}

int bw_journal_claim_put(struct bw_journal *j, const struct bw_journal_claim *c, struct bw_err *err)
{
	int own;

	if (strlen(c->binding) > BW_CLAIM_BINDING_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "claim %.63s/%.200s: a binding of %zu bytes, expected at most %d",
				 c->ns, c->name, strlen(c->binding), BW_CLAIM_BINDING_MAX);
	own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	return bw_journal_db_leave(j, own, own < 0 ? own : put(j, c, err), err);
}

/* Runs a bound change; how many rows it changed. */
static int run_count(struct bw_journal *j, sqlite3_stmt *st, struct bw_err *err)
{
	int r = bw_journal_db_run(j, st, err);

	return r < 0 ? r : sqlite3_changes(j->db);
}

int bw_journal_claim_stale(struct bw_journal *j, const char *uid, int stale, struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_CLAIM_STALE, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, uid);
		(void)sqlite3_bind_int(st, 2, stale != 0); /* cannot fail, ignoring */
		r = run_count(j, st, err);
	}
	return bw_journal_db_leave(j, own, r, err);
}

int bw_journal_claim_remove(struct bw_journal *j, const char *uid, const char *iface,
			    struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_CLAIM_REMOVE, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, uid);
		bw_journal_db_bind_text(st, 2, iface);
		r = run_count(j, st, err);
	}
	return bw_journal_db_leave(j, own, r, err);
}

int bw_journal_token_get(struct bw_journal *j, const char *uid, struct bw_journal_token *ret,
			 struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	if (bw_journal_claim_known(j))
		r = bw_journal_db_stmt(j, BW_ST_TOKEN_GET, &st, err);
	if (r < 0 || !bw_journal_claim_known(j))
		return r;
	bw_journal_db_bind_text(st, 1, uid);
	r = bw_journal_db_step(j, st, err);
	if (r == 1) {
		ret->seen = (uint64_t)sqlite3_column_int64(st, 0);
		ret->attached = (uint64_t)sqlite3_column_int64(st, 1);
		ret->detached = (uint64_t)sqlite3_column_int64(st, 2);
		bw_journal_db_text(st, 3, ret->ns, sizeof(ret->ns));
		bw_journal_db_text(st, 4, ret->name, sizeof(ret->name));
		(void)sqlite3_reset(st); /* the row was read, ignoring */
	}
	return r;
}

int bw_journal_token_raise(struct bw_journal *j, const char *uid, const struct bw_journal_token *t,
			   struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_TOKEN_PUT, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, uid);
	/* Integers cannot fail to bind, ignoring. */
	(void)sqlite3_bind_int64(st, 2, (int64_t)t->seen);
	(void)sqlite3_bind_int64(st, 3, (int64_t)t->attached);
	(void)sqlite3_bind_int64(st, 4, (int64_t)t->detached);
	bw_journal_db_bind_text(st, 5, t->ns);
	bw_journal_db_bind_text(st, 6, t->name);
	return bw_journal_db_run(j, st, err);
}

int bw_journal_token_forget(struct bw_journal *j, const char *uid, struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_TOKEN_FORGET, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, uid);
		r = bw_journal_db_run(j, st, err);
	}
	return bw_journal_db_leave(j, own, r, err);
}

static int refuse(const char *uid, uint64_t token, const char *why, struct bw_err *err)
{
	return bw_reject(err, BW_ERR_BUSY, ESTALE, "claim %.63s token %llu: %s", uid,
			 (unsigned long long)token, why);
}

/* What stands in the way of an attachment; NULL = nothing. */
static const char *obstacle(const struct bw_journal_claim *c, const struct bw_journal_token *t,
			    uint64_t token, const char *boot_id)
{
	if (c->stale)
		return "the cluster has said that the claim is no longer this node's";
	if (c->token != token)
		return "the claim has another token now";
	if (strcmp(c->boot_id, boot_id) != 0)
		return "not confirmed by the cluster since this node was started";
	if (token <= t->detached)
		return "this node has given it back";
	return NULL;
}

/* An unsent "given back" is taken back; one under way decides. 0; -ESTALE; -errno. */
static int take_back(struct bw_journal *j, const char *uid, uint64_t token, struct bw_err *err)
{
	struct bw_outbox_row row = { 0 };
	int r = bw_journal_outbox_of(j, uid, token, BW_OUTBOX_DETACHED, &row, err);

	if (r <= 0)
		return r;
	if (row.sending)
		return refuse(uid, token,
			      "this node is giving it back; the cluster gives the next one", err);
	r = bw_journal_outbox_drop(j, row.seq, err);
	return r < 0 ? r : 0;
}

int bw_journal_claim_take(struct bw_journal *j, const char *uid, const char *iface, uint64_t token,
			  const char *boot_id, struct bw_err *err)
{
	bw_autoclaim struct bw_journal_claim c = { 0 };
	struct bw_journal_token t = { 0 };
	const char *why;
	int r = bw_journal_claim_get(j, uid, iface, &c, err);

	if (r == 0)
		return refuse(uid, token, "the claim is no longer this node's", err);
	if (r > 0)
		r = bw_journal_token_get(j, uid, &t, err);
	if (r < 0)
		return r;
	why = obstacle(&c, &t, token, boot_id);
	return why ? refuse(uid, token, why, err) : take_back(j, uid, token, err);
}

/* Whether an attachment of this node is for the claim. 1, 0; -errno. */
static int is_held(struct bw_journal *j, const char *uid, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_CLAIM_HELD, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, uid);
	r = bw_journal_db_step(j, st, err);
	(void)sqlite3_reset(st); /* that there is one is all that is asked, ignoring */
	return r;
}

int bw_journal_claim_leave(struct bw_journal *j, const char *uid, uint64_t token, const char *body,
			   struct bw_err *err)
{
	char made[BW_CLAIM_NS_MAX + BW_CLAIM_NAME_MAX +
		  sizeof("{\"namespace\":\"\",\"name\":\"\"}")];
	struct bw_outbox_row row = { .token = token,
				     .kind = BW_OUTBOX_DETACHED,
				     .body = (char *)(uintptr_t)(body ? body : made) };
	struct bw_journal_token t = { 0 };
	int r = is_held(j, uid, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = bw_journal_token_get(j, uid, &t, err);
	if (r < 0)
		return r;
	/* Kubernetes names need no escapes, and these fit, ignoring. */
	(void)snprintf(made, sizeof(made), "{\"namespace\":\"%s\",\"name\":\"%s\"}", t.ns, t.name);
	(void)snprintf(row.uid, sizeof(row.uid), "%s", uid); /* as long as the row's, ignoring */
	return bw_journal_outbox_put(j, &row, err);
}

static const char meta_epoch[] = "epoch";
static const char meta_cluster[] = "cluster_id";
static const char meta_node[] = "node_uid";

/* 1 found, 0 none; -errno. */
static int meta_get(struct bw_journal *j, const char *key, char *ret, size_t size,
		    struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_META_GET, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, key);
	r = bw_journal_db_step(j, st, err);
	if (r == 1) {
		bw_journal_db_text(st, 0, ret, size);
		(void)sqlite3_reset(st); /* the row was read, ignoring */
	}
	return r;
}

static int meta_put(struct bw_journal *j, const char *key, const char *value, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_META_PUT, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, key);
	bw_journal_db_bind_text(st, 2, value);
	return bw_journal_db_run(j, st, err);
}

int bw_journal_cluster_get(struct bw_journal *j, struct bw_journal_cluster *ret, struct bw_err *err)
{
	struct bw_journal_cluster c = { 0 };
	char epoch[24] = "";
	int r = meta_get(j, meta_cluster, c.id, sizeof(c.id), err);
	int found = r == 1;

	if (r >= 0)
		r = meta_get(j, meta_epoch, epoch, sizeof(epoch), err);
	if (r >= 0)
		r = meta_get(j, meta_node, c.node_uid, sizeof(c.node_uid), err);
	if (r < 0)
		return r;
	c.epoch = strtoull(epoch, NULL, 10);
	*ret = c;
	return found;
}

int bw_journal_cluster_put(struct bw_journal *j, const struct bw_journal_cluster *c,
			   struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	char epoch[24];
	int r;

	/* twenty digits fit, ignoring */
	(void)snprintf(epoch, sizeof(epoch), "%llu", (unsigned long long)c->epoch);
	r = own < 0 ? own : meta_put(j, meta_cluster, c->id, err);
	if (r == 0)
		r = meta_put(j, meta_epoch, epoch, err);
	if (r == 0)
		r = meta_put(j, meta_node, c->node_uid, err);
	return bw_journal_db_leave(j, own, r, err);
}

#define CARRIER_KEY_MAX (sizeof("carrier:") + BW_LINK_NAME_MAX)
#define CARRIER_TEXT_MAX (BW_BOOT_ID_LEN + sizeof(" 4294967295"))

int bw_journal_carrier_get(struct bw_journal *j, const char *uplink, const char *boot_id,
			   uint32_t *ret, struct bw_err *err)
{
	char key[CARRIER_KEY_MAX];
	char text[CARRIER_TEXT_MAX];
	size_t len = strlen(boot_id);
	int r;

	(void)snprintf(key, sizeof(key), "carrier:%s", uplink); /* fits, ignoring */
	r = meta_get(j, key, text, sizeof(text), err);
	if (r <= 0)
		return r;
	if (strncmp(text, boot_id, len) != 0 || text[len] != ' ')
		return 0;
	*ret = (uint32_t)strtoul(text + len, NULL, 10);
	return 1;
}

int bw_journal_carrier_put(struct bw_journal *j, const char *uplink, const char *boot_id,
			   uint32_t downs, struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	char key[CARRIER_KEY_MAX];
	char text[CARRIER_TEXT_MAX];
	int r;

	/* Both fit, ignoring. */
	(void)snprintf(key, sizeof(key), "carrier:%s", uplink);
	(void)snprintf(text, sizeof(text), "%s %u", boot_id, downs);
	r = own < 0 ? own : meta_put(j, key, text, err);
	return bw_journal_db_leave(j, own, r, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share. */
#pragma once

#include "store.h"

struct sim_store {
	struct bw_loop *loop;
	int64_t start_ns; /* the server's own clock begins here */
	int64_t start_real_s;
	uint64_t rv;
	uint64_t compacted;
	uint64_t uids;
	const char *by;
	int resize_http; /* what pods/resize answers; 0 = it does it */
	sim_commit_fn on_commit;
	void *on_commit_arg;
	struct sim_key **keys[SIM_KIND_MAX_]; /* sorted */
	size_t keys_n[SIM_KIND_MAX_];
	struct sim_version **log;
	size_t log_n;
	size_t log_cap;
	struct sim_version **dropped; /* by restores */
	size_t dropped_n;
	size_t dropped_cap;
};

/* Never NULL: a test that is out of memory ends. */
void *sim_alloc(size_t size);
void *sim_realloc(void *p, size_t size);
char *sim_strdup(const char *s);

/* Finds a key; @make adds it when it is new, else NULL. */
struct sim_key *sim_key_find(struct sim_store *s, const struct sim_kind *kind,
			     const char *namespace, const char *name, int make);
/* Commits @tree (taken) as the key's present state; @deleted: as its last one. */
const struct sim_version *sim_commit(struct sim_store *s, struct sim_key *key, struct cJSON *tree,
				     int deleted);

/* Member of metadata as text; "" when absent. */
const char *sim_meta(const struct cJSON *tree, const char *member);
/* Text at a dotted path such as status.holder.node; "" when absent. */
const char *sim_text_at(const struct cJSON *tree, const char *path);

/* What CRDs and admission would say to @now (@old NULL = create); "" = nothing against it. */
const char *sim_rule_broken(const struct sim_kind *kind, const struct cJSON *old,
			    const struct cJSON *now);

void sim_reply_status(struct sim_reply *r, int http, const char *reason, const char *fmt, ...)
	BW_PRINTF(4, 5);

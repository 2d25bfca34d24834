/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reflector as a machine: what to ask the server for next, and what an answer means. It does
 * no I/O and reads no clock; the driver (reflector.c) tells it what came and when.
 *
 *     IDLE -> SYNCING | LISTING -> LIVE -> (end) WAITING -> LIVE
 *                                       -> (410, 504 too large) SYNCING | LISTING
 *                                       -> (away, silent) WAITING -> PROBING -> LIVE | SYNCING
 *
 * I1 Only a complete list replaces the store: what was collected of a broken one is dropped.
 * I2 A server that cannot be reached costs a back-off and no list: the resourceVersion is kept.
 *    A server that comes back is asked how far it is, by a list of one object: one that was
 *    restored from a backup takes a watch from the future and says nothing (tried on 1.36).
 * I3 Nothing is asked for twice within a back-off but what a healthy server asked for by ending a
 *    watch, and what waits for a server that somebody else has found again.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_client.h>

#include "rand.h"

/* client-go's reflector: 0.8 s doubled to 30 s, delay in [d, 2d), forgotten after 2 minutes. */
#define BW_KUBE_WATCH_BACKOFF_NS 800000000LL
#define BW_KUBE_WATCH_BACKOFF_CAP_NS 30000000000LL
#define BW_KUBE_WATCH_RESET_NS 120000000000LL
#define BW_KUBE_WATCH_SHORT_NS 1000000000LL /* a watch that ends sooner, without events, failed */
#define BW_KUBE_WATCH_DEAD_NS 130000000000LL /* bookmarks come once a minute */
#define BW_KUBE_WATCH_LATE_S 5 /* a server without bookmarks ends a watch by itself */
#define BW_KUBE_WATCH_ERRORS_NS 60000000000LL /* of ERROR 500, then a list */
#define BW_KUBE_WATCH_TIMEOUT_MIN_S 300
#define BW_KUBE_WATCH_TIMEOUT_SPAN_S 301
#define BW_KUBE_WATCH_PAGE 500 /* items of one page of a list */
#define BW_KUBE_WATCH_SPREAD_NS 500000000LL /* of what many begin at once */
#define BW_KUBE_WATCH_INCOMPLETE_MAX 2 /* initial events without an end, then lists */

enum bw_kube_watch_state {
	BW_KUBE_WATCH_IDLE,
	BW_KUBE_WATCH_WAITING, /* until .at, then .next */
	BW_KUBE_WATCH_LISTING, /* a page is under way */
	BW_KUBE_WATCH_PROBING, /* a list of one object: has the server gone back? */
	BW_KUBE_WATCH_SYNCING, /* a watch that begins with all there is */
	BW_KUBE_WATCH_LIVE, /* a watch from .rv on */
	BW_KUBE_WATCH_STATE_MAX_,
};
const char *bw_kube_watch_state_str(enum bw_kube_watch_state state);

enum bw_kube_watch_next {
	BW_KUBE_NEXT_SYNC, /* all there is, by a watch or by a list */
	BW_KUBE_NEXT_PAGE, /* the next page of a list that goes well */
	BW_KUBE_NEXT_PROBE, /* whether .rv lies in the server's past */
	BW_KUBE_NEXT_WATCH, /* changes since .rv */
};

/* Why the whole was asked for; labels of kube_relists_total. */
enum bw_kube_sync_cause {
	BW_KUBE_SYNC_FIRST,
	BW_KUBE_SYNC_EXPIRED, /* 410 */
	BW_KUBE_SYNC_TOO_NEW, /* 504 ResourceVersionTooLarge */
	BW_KUBE_SYNC_ERRORS, /* ERROR 500 for a minute */
	BW_KUBE_SYNC_AGAIN, /* the last try did not end well */
	BW_KUBE_SYNC_FORCED, /* bw_kube_watch_force() */
	BW_KUBE_SYNC_CAUSE_MAX_,
};
const char *bw_kube_sync_cause_str(enum bw_kube_sync_cause cause);

struct bw_kube_watch {
	enum bw_kube_watch_state state;
	enum bw_kube_watch_next next;
	enum bw_kube_sync_cause cause;
	uint8_t synced; /* once true, always true */
	uint8_t no_watchlist; /* the server does not know sendInitialEvents */
	uint8_t rv_unset; /* the server does not know .rv: ask for the newest there is */
	uint8_t no_limit; /* a page was too old: the list in one piece */
	uint8_t bookmarks; /* the server sends them */
	uint8_t forced; /* a list is owed, begun after bw_kube_watch_force() */
	uint8_t away; /* the server could not be reached and has not been heard since */
	unsigned int pages; /* of the list that goes on */
	unsigned int incomplete;
	unsigned int failures; /* back-offs since the last reset */
	unsigned int events; /* of this watch */
	unsigned int timeout_s; /* of this watch */
	uint64_t syncs[BW_KUBE_SYNC_CAUSE_MAX_];
	int64_t at;
	int64_t started_at;
	int64_t sync_at; /* the last begin of a sync */
	int64_t heard_at;
	int64_t fresh_at; /* the store was known to be up to date */
	int64_t backoff_at; /* the last one was over */
	int64_t errors_since; /* 0 = none */
	char rv[BW_KUBE_RV_MAX + 1];
	char list_rv[BW_KUBE_RV_MAX + 1];
	struct bw_kube_rand rand;
};

enum bw_kube_watch_event {
	BW_KUBE_EVENT_ADDED,
	BW_KUBE_EVENT_MODIFIED,
	BW_KUBE_EVENT_DELETED,
	BW_KUBE_EVENT_BOOKMARK,
	BW_KUBE_EVENT_LAST, /* a BOOKMARK that says the initial events are complete */
	BW_KUBE_EVENT_MAX_,
};

enum bw_kube_watch_do {
	BW_KUBE_DO_NOTHING,
	BW_KUBE_DO_START, /* send what bw_kube_watch_request() says */
	BW_KUBE_DO_CANCEL, /* the call is dead: forget it and what was collected */
	BW_KUBE_DO_COLLECT, /* the object belongs to the set that is being collected */
	BW_KUBE_DO_APPLY, /* the object belongs into the store */
	BW_KUBE_DO_COMMIT, /* what was collected replaces the store, then bw_kube_watch_synced() */
};

/* Begins at @at. */
void bw_kube_watch_init(struct bw_kube_watch *w, uint64_t seed);
void bw_kube_watch_start(struct bw_kube_watch *w, int64_t at);

/* What time brings: START, CANCEL or NOTHING. To be called again at bw_kube_watch_due(). */
enum bw_kube_watch_do bw_kube_watch_run(struct bw_kube_watch *w, int64_t now);
int64_t bw_kube_watch_due(const struct bw_kube_watch *w);

/* Fills the fields that the machine decides; the rest (kind, selectors, .cont) is the driver's. */
void bw_kube_watch_request(const struct bw_kube_watch *w, struct bw_kube_request *r);

/*
 * What was seen may be of a future that never was (etcd was restored): everything is listed anew,
 * as the newest there is, whatever goes on or waits. The driver drops its call.
 */
void bw_kube_watch_force(struct bw_kube_watch *w, int64_t now);
/* Another watch has found the server again: who waits for it alone waits no longer. */
void bw_kube_watch_wake(struct bw_kube_watch *w, int64_t now);

/* Bytes have come. Whether the server had been away until now. */
int bw_kube_watch_heard(struct bw_kube_watch *w, int64_t now);
/* A line has come: where it belongs. */
enum bw_kube_watch_do bw_kube_watch_event(struct bw_kube_watch *w, enum bw_kube_watch_event type,
					  int64_t now);
/* Everything up to @rv is in the store. */
void bw_kube_watch_saw(struct bw_kube_watch *w, const char *rv, int64_t now);
/* A page or a probe is complete; @more = there are others. COMMIT, or NOTHING (run again). */
enum bw_kube_watch_do bw_kube_watch_page(struct bw_kube_watch *w, const char *rv, int more,
					 int64_t now);
/* What was collected is in the store; @rv NULL = that of the list. */
void bw_kube_watch_synced(struct bw_kube_watch *w, const char *rv, int64_t now);

/*
 * The call has ended, or a line of type ERROR says why it will (410, 429, 504): @result and
 * @retry_ms as of an answer. What was collected is to be dropped unless the next thing asked for is
 * a PAGE.
 */
void bw_kube_watch_end(struct bw_kube_watch *w, enum bw_kube_result result, unsigned int retry_ms,
		       int64_t now);
/* A line of type ERROR that says no more than 500: the same again, for a minute. */
void bw_kube_watch_error(struct bw_kube_watch *w, int64_t now);
/* We could not follow (memory, a line that is no JSON): the same again after a back-off. */
void bw_kube_watch_fault(struct bw_kube_watch *w, int64_t now);

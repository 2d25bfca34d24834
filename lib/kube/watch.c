/* SPDX-License-Identifier: Apache-2.0 */
/* The reflector's states and what moves it between them. No I/O, no clock. */
#include <assert.h>
#include <string.h>

#include "watch.h"

#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL
#define DOUBLINGS_MAX 6 /* 0.8 s << 6 is beyond the cap */

static const char *const state_names[] = {
	[BW_KUBE_WATCH_IDLE] = "idle",       [BW_KUBE_WATCH_WAITING] = "waiting",
	[BW_KUBE_WATCH_LISTING] = "listing", [BW_KUBE_WATCH_PROBING] = "probing",
	[BW_KUBE_WATCH_SYNCING] = "syncing", [BW_KUBE_WATCH_LIVE] = "live",
};
static_assert(BW_ARRAY_SIZE(state_names) == BW_KUBE_WATCH_STATE_MAX_, "a state without a name");

static const char *const cause_names[] = {
	[BW_KUBE_SYNC_FIRST] = "first",     [BW_KUBE_SYNC_EXPIRED] = "expired",
	[BW_KUBE_SYNC_TOO_NEW] = "too_new", [BW_KUBE_SYNC_ERRORS] = "errors",
	[BW_KUBE_SYNC_AGAIN] = "again",     [BW_KUBE_SYNC_FORCED] = "forced",
};
static_assert(BW_ARRAY_SIZE(cause_names) == BW_KUBE_SYNC_CAUSE_MAX_, "a cause without a name");

const char *bw_kube_watch_state_str(enum bw_kube_watch_state state)
{
	return (unsigned int)state < BW_ARRAY_SIZE(state_names) ? state_names[state] : "unknown";
}

const char *bw_kube_sync_cause_str(enum bw_kube_sync_cause cause)
{
	return (unsigned int)cause < BW_ARRAY_SIZE(cause_names) ? cause_names[cause] : "unknown";
}

static void set_rv(char to[BW_KUBE_RV_MAX + 1], const char *rv)
{
	size_t len = strnlen(rv, BW_KUBE_RV_MAX);

	memcpy(to, rv, len);
	to[len] = '\0';
}

void bw_kube_watch_init(struct bw_kube_watch *w, uint64_t seed)
{
	*w = (struct bw_kube_watch){ .rand = { seed } };
}

static void wait_for(struct bw_kube_watch *w, enum bw_kube_watch_next next, int64_t at)
{
	w->state = BW_KUBE_WATCH_WAITING;
	w->next = next;
	w->at = at;
}

void bw_kube_watch_start(struct bw_kube_watch *w, int64_t at)
{
	w->cause = BW_KUBE_SYNC_FIRST;
	wait_for(w, BW_KUBE_NEXT_SYNC, at);
}

void bw_kube_watch_force(struct bw_kube_watch *w, int64_t now)
{
	if (w->state == BW_KUBE_WATCH_IDLE)
		return;
	w->cause = BW_KUBE_SYNC_FORCED;
	w->forced = 1;
	w->rv_unset = 1;
	w->failures = 0;
	wait_for(w, BW_KUBE_NEXT_SYNC, now + bw_kube_rand_below(&w->rand, BW_KUBE_WATCH_SPREAD_NS));
}

void bw_kube_watch_wake(struct bw_kube_watch *w, int64_t now)
{
	int64_t at;

	if (w->state != BW_KUBE_WATCH_WAITING || !w->away)
		return;
	at = now + bw_kube_rand_below(&w->rand, BW_KUBE_WATCH_SPREAD_NS);
	if (at < w->at)
		w->at = at;
}

static void back_off(struct bw_kube_watch *w, enum bw_kube_watch_next next, int64_t now)
{
	unsigned int n;
	int64_t d;

	if (now - w->backoff_at > BW_KUBE_WATCH_RESET_NS)
		w->failures = 0;
	n = w->failures < DOUBLINGS_MAX ? w->failures : DOUBLINGS_MAX;
	d = BW_KUBE_WATCH_BACKOFF_NS << n;
	if (d > BW_KUBE_WATCH_BACKOFF_CAP_NS)
		d = BW_KUBE_WATCH_BACKOFF_CAP_NS;
	d += bw_kube_rand_below(&w->rand, d);
	w->failures++;
	w->backoff_at = now + d;
	wait_for(w, next, now + d);
}

/* The server's own wish counts as no failure; up to half as much is added, against herds. */
static void throttled(struct bw_kube_watch *w, enum bw_kube_watch_next next, unsigned int retry_ms,
		      int64_t now)
{
	int64_t d = retry_ms * NS_PER_MS;

	if (!retry_ms)
		back_off(w, next, now);
	else
		wait_for(w, next, now + d + bw_kube_rand_below(&w->rand, d / 2));
}

static int64_t dead_after(const struct bw_kube_watch *w)
{
	if (w->state == BW_KUBE_WATCH_LIVE && !w->bookmarks)
		return (int64_t)(w->timeout_s + BW_KUBE_WATCH_LATE_S) * NS_PER_S;
	return BW_KUBE_WATCH_DEAD_NS;
}

int64_t bw_kube_watch_due(const struct bw_kube_watch *w)
{
	switch (w->state) {
	case BW_KUBE_WATCH_WAITING:
		return w->at;
	case BW_KUBE_WATCH_LISTING:
	case BW_KUBE_WATCH_PROBING:
	case BW_KUBE_WATCH_SYNCING:
	case BW_KUBE_WATCH_LIVE:
		return w->heard_at + dead_after(w);
	case BW_KUBE_WATCH_IDLE:
	case BW_KUBE_WATCH_STATE_MAX_:
		break;
	}
	return INT64_MAX;
}

static void begin(struct bw_kube_watch *w, int64_t now)
{
	w->started_at = now;
	w->heard_at = now;
	w->events = 0;
	w->timeout_s = BW_KUBE_WATCH_TIMEOUT_MIN_S +
		       (unsigned int)bw_kube_rand_below(&w->rand, BW_KUBE_WATCH_TIMEOUT_SPAN_S);
	switch (w->next) {
	case BW_KUBE_NEXT_SYNC:
		w->syncs[w->cause]++;
		w->cause = BW_KUBE_SYNC_AGAIN;
		w->pages = 0;
		w->sync_at = now;
		w->state = w->no_watchlist ? BW_KUBE_WATCH_LISTING : BW_KUBE_WATCH_SYNCING;
		break;
	case BW_KUBE_NEXT_PAGE:
		w->state = BW_KUBE_WATCH_LISTING;
		break;
	case BW_KUBE_NEXT_PROBE:
		w->state = BW_KUBE_WATCH_PROBING;
		break;
	case BW_KUBE_NEXT_WATCH:
		w->state = BW_KUBE_WATCH_LIVE;
		break;
	}
}

enum bw_kube_watch_do bw_kube_watch_run(struct bw_kube_watch *w, int64_t now)
{
	if (now < bw_kube_watch_due(w))
		return BW_KUBE_DO_NOTHING;
	if (w->state == BW_KUBE_WATCH_WAITING) {
		begin(w, now);
		return BW_KUBE_DO_START;
	}
	bw_kube_watch_end(w, BW_KUBE_UNKNOWN, 0, now);
	return BW_KUBE_DO_CANCEL;
}

void bw_kube_watch_request(const struct bw_kube_watch *w, struct bw_kube_request *r)
{
	if (w->state == BW_KUBE_WATCH_LISTING) {
		r->verb = BW_KUBE_LIST;
		r->limit = w->no_limit ? 0 : BW_KUBE_WATCH_PAGE;
		return;
	}
	if (w->state == BW_KUBE_WATCH_PROBING) {
		r->verb = BW_KUBE_LIST;
		r->limit = 1;
		return;
	}
	r->verb = BW_KUBE_WATCH;
	r->flags |= BW_KUBE_F_BOOKMARKS;
	r->timeout_ms = w->timeout_s * 1000;
	r->resource_version = w->rv;
	if (w->state == BW_KUBE_WATCH_SYNCING) {
		r->flags |= BW_KUBE_F_INITIAL;
		r->match = "NotOlderThan";
		if (w->rv_unset)
			r->resource_version = "";
	}
}

int bw_kube_watch_heard(struct bw_kube_watch *w, int64_t now)
{
	int away = w->away;

	w->heard_at = now;
	w->away = 0;
	return away;
}

enum bw_kube_watch_do bw_kube_watch_event(struct bw_kube_watch *w, enum bw_kube_watch_event type,
					  int64_t now)
{
	int bookmark = type == BW_KUBE_EVENT_BOOKMARK || type == BW_KUBE_EVENT_LAST;

	w->heard_at = now;
	w->events++;
	if (bookmark)
		w->bookmarks = 1;
	if (w->state == BW_KUBE_WATCH_LIVE)
		return BW_KUBE_DO_APPLY;
	if (w->state != BW_KUBE_WATCH_SYNCING)
		return BW_KUBE_DO_NOTHING;
	if (type == BW_KUBE_EVENT_LAST)
		return BW_KUBE_DO_COMMIT;
	return bookmark ? BW_KUBE_DO_NOTHING : BW_KUBE_DO_COLLECT;
}

void bw_kube_watch_saw(struct bw_kube_watch *w, const char *rv, int64_t now)
{
	w->fresh_at = now;
	w->errors_since = 0;
	if (bw_kube_rv_cmp(rv, w->rv) > 0)
		set_rv(w->rv, rv);
}

enum bw_kube_watch_do bw_kube_watch_page(struct bw_kube_watch *w, const char *rv, int more,
					 int64_t now)
{
	w->heard_at = now;
	if (w->state == BW_KUBE_WATCH_PROBING) {
		int back = bw_kube_rv_cmp(rv, w->rv) < 0;

		if (back) {
			w->cause = BW_KUBE_SYNC_TOO_NEW;
			w->rv_unset = 1;
		}
		wait_for(w, back ? BW_KUBE_NEXT_SYNC : BW_KUBE_NEXT_WATCH, now);
		return BW_KUBE_DO_NOTHING;
	}
	if (w->pages++ == 0)
		set_rv(w->list_rv, rv);
	if (!more)
		return BW_KUBE_DO_COMMIT;
	wait_for(w, BW_KUBE_NEXT_PAGE, now);
	return BW_KUBE_DO_NOTHING;
}

void bw_kube_watch_synced(struct bw_kube_watch *w, const char *rv, int64_t now)
{
	/* The list decides, also when a restored server has gone back. */
	set_rv(w->rv, rv ? rv : w->list_rv);
	w->synced = 1;
	w->forced = 0;
	w->rv_unset = 0;
	w->no_limit = 0;
	w->incomplete = 0;
	w->errors_since = 0;
	w->fresh_at = now;
	if (w->state == BW_KUBE_WATCH_LISTING)
		wait_for(w, BW_KUBE_NEXT_WATCH, now);
	else
		w->state = BW_KUBE_WATCH_LIVE;
}

/* What to go on with when nothing is known to be wrong with it. */
static enum bw_kube_watch_next same(const struct bw_kube_watch *w)
{
	if (w->state == BW_KUBE_WATCH_PROBING)
		return BW_KUBE_NEXT_PROBE;
	return w->state == BW_KUBE_WATCH_LIVE ? BW_KUBE_NEXT_WATCH : BW_KUBE_NEXT_SYNC;
}

/* After a server could not be reached, or said nothing: it may be another one, or an older one. */
static enum bw_kube_watch_next after_outage(const struct bw_kube_watch *w)
{
	return w->state == BW_KUBE_WATCH_LIVE ? BW_KUBE_NEXT_PROBE : same(w);
}

static void ended_well(struct bw_kube_watch *w, int64_t now)
{
	int lived = now - w->started_at > BW_KUBE_WATCH_SHORT_NS || w->events;

	if (w->state == BW_KUBE_WATCH_SYNCING && ++w->incomplete >= BW_KUBE_WATCH_INCOMPLETE_MAX)
		w->no_watchlist = 1;
	if (w->state == BW_KUBE_WATCH_LIVE && lived)
		wait_for(w, BW_KUBE_NEXT_WATCH, now);
	else
		back_off(w, same(w), now);
}

/* 410: first with what we have seen, then whatever there is; a page that is too old in one piece.
 */
static void expired(struct bw_kube_watch *w, int64_t now)
{
	if (w->state == BW_KUBE_WATCH_LIVE) {
		w->cause = BW_KUBE_SYNC_EXPIRED;
		if (now - w->sync_at > BW_KUBE_WATCH_SHORT_NS)
			wait_for(w, BW_KUBE_NEXT_SYNC, now);
		else
			back_off(w, BW_KUBE_NEXT_SYNC, now);
	} else if (w->state == BW_KUBE_WATCH_LISTING && w->pages && !w->no_limit) {
		w->no_limit = 1;
		wait_for(w, BW_KUBE_NEXT_SYNC, now);
	} else if (w->state == BW_KUBE_WATCH_SYNCING && !w->rv_unset && *w->rv) {
		w->rv_unset = 1;
		wait_for(w, BW_KUBE_NEXT_SYNC, now);
	} else {
		back_off(w, BW_KUBE_NEXT_SYNC, now);
	}
}

static void refused_request(struct bw_kube_watch *w, int64_t now)
{
	if (w->state == BW_KUBE_WATCH_SYNCING) {
		w->no_watchlist = 1;
		wait_for(w, BW_KUBE_NEXT_SYNC, now);
		return;
	}
	w->rv_unset = 1;
	back_off(w, BW_KUBE_NEXT_SYNC, now);
}

void bw_kube_watch_error(struct bw_kube_watch *w, int64_t now)
{
	enum bw_kube_watch_next next = same(w);

	if (!w->errors_since)
		w->errors_since = now;
	if (next == BW_KUBE_NEXT_WATCH && now - w->errors_since > BW_KUBE_WATCH_ERRORS_NS) {
		w->cause = BW_KUBE_SYNC_ERRORS;
		w->errors_since = 0;
		next = BW_KUBE_NEXT_SYNC;
	}
	back_off(w, next, now);
}

void bw_kube_watch_end(struct bw_kube_watch *w, enum bw_kube_result result, unsigned int retry_ms,
		       int64_t now)
{
	int paging = w->state == BW_KUBE_WATCH_LISTING && w->pages;

	w->away = result == BW_KUBE_REFUSED || result == BW_KUBE_UNKNOWN;
	switch (result) {
	case BW_KUBE_OK:
		ended_well(w, now);
		break;
	case BW_KUBE_GONE:
		expired(w, now);
		break;
	case BW_KUBE_TOO_NEW:
		if (w->state == BW_KUBE_WATCH_LIVE)
			w->cause = BW_KUBE_SYNC_TOO_NEW;
		w->rv_unset = 1;
		back_off(w, BW_KUBE_NEXT_SYNC, now);
		break;
	case BW_KUBE_THROTTLED:
		throttled(w, paging ? BW_KUBE_NEXT_PAGE : same(w), retry_ms, now);
		break;
	case BW_KUBE_INVALID:
	case BW_KUBE_NOT_FOUND:
	case BW_KUBE_EXISTS:
	case BW_KUBE_CONFLICT:
		refused_request(w, now);
		break;
	case BW_KUBE_REFUSED:
		/* Another server may answer the next time. */
		w->no_watchlist = 0;
		back_off(w, after_outage(w), now);
		break;
	case BW_KUBE_FORBIDDEN:
	case BW_KUBE_UNAUTHORIZED:
		back_off(w, same(w), now);
		break;
	case BW_KUBE_UNKNOWN:
	case BW_KUBE_RESULT_MAX_:
		back_off(w, after_outage(w), now);
		break;
	}
}

void bw_kube_watch_fault(struct bw_kube_watch *w, int64_t now)
{
	back_off(w, same(w), now);
}

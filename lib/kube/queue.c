/* SPDX-License-Identifier: Apache-2.0 */
/* Two heaps over the keys: those that wait for their time, and those that are due. */
#include <assert.h>
#include <string.h>

#include "queue.h"

#define HEAP_FIRST_CAP 16
#define BACKOFF_DOUBLINGS_MAX 16 /* 10 ms << 16 is beyond the cap */
#define JITTER_PART 5 /* a fifth, either way */

struct key {
	const char *namespace;
	const char *name;
};

static const int64_t later_ns[] = {
	[BW_KEY_INITIAL] = BW_KUBE_QUEUE_INITIAL_LATER_NS,
	[BW_KEY_DEPENDENT] = BW_KUBE_QUEUE_DEPENDENT_LATER_NS,
	[BW_KEY_OBJECT] = 0,
	[BW_KEY_FACT] = 0,
};

static int key_cmp(const void *key, const struct bw_kube_node *n)
{
	const struct key *k = key;
	const struct bw_kube_item *item = BW_CONTAINER_OF(n, const struct bw_kube_item, node);
	int c = strcmp(k->namespace, item->namespace);

	return c ? c : strcmp(k->name, item->name);
}

static int before(const struct bw_kube_item *a, const struct bw_kube_item *b)
{
	return a->order != b->order ? a->order < b->order : a->seq < b->seq;
}

static void put_at(struct bw_kube_heap *h, size_t i, struct bw_kube_item *item)
{
	h->items[i] = item;
	item->place = i + 1;
}

static void sift_up(struct bw_kube_heap *h, size_t i)
{
	struct bw_kube_item *item = h->items[i];

	while (i && before(item, h->items[(i - 1) / 2])) {
		put_at(h, i, h->items[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put_at(h, i, item);
}

static void sift_down(struct bw_kube_heap *h, size_t i)
{
	struct bw_kube_item *item = h->items[i];

	for (size_t kid = 2 * i + 1; kid < h->n; kid = 2 * i + 1) {
		if (kid + 1 < h->n && before(h->items[kid + 1], h->items[kid]))
			kid++;
		if (!before(h->items[kid], item))
			break;
		put_at(h, i, h->items[kid]);
		i = kid;
	}
	put_at(h, i, item);
}

static void heap_add(struct bw_kube_heap *h, struct bw_kube_item *item)
{
	assert(h->n < h->cap);
	item->heap = h;
	put_at(h, h->n++, item);
	sift_up(h, h->n - 1);
}

static void heap_remove(struct bw_kube_item *item)
{
	struct bw_kube_heap *h = item->heap;
	size_t i = item->place - 1;

	if (!item->place)
		return;
	item->place = 0;
	item->heap = NULL;
	if (i == --h->n)
		return;
	put_at(h, i, h->items[h->n]);
	sift_up(h, i);
	sift_down(h, h->items[i]->place - 1);
}

static int heap_reserve(struct bw_kube_heap *h, size_t n)
{
	size_t cap = h->cap ? h->cap : HEAP_FIRST_CAP;
	struct bw_kube_item **items;

	if (n <= h->cap)
		return 0;
	while (cap < n)
		cap *= 2;
	items = reallocarray(h->items, cap, sizeof(struct bw_kube_item *));
	if (!items)
		return -ENOMEM;
	h->items = items;
	h->cap = cap;
	return 0;
}

void bw_kube_queue_init(struct bw_kube_queue *q, uint64_t seed)
{
	*q = (struct bw_kube_queue){ .rand = { seed } };
}

void bw_kube_queue_done(struct bw_kube_queue *q)
{
	free(q->waiting.items);
	free(q->due.items);
	*q = (struct bw_kube_queue){ 0 };
}

struct bw_kube_item *bw_kube_queue_find(const struct bw_kube_queue *q, const char *namespace,
					const char *name)
{
	struct key k = { namespace, name };
	struct bw_kube_node *n = bw_kube_tree_find(&q->keys, key_cmp, &k);

	return n ? BW_CONTAINER_OF(n, struct bw_kube_item, node) : NULL;
}

struct bw_kube_item *bw_kube_queue_first(const struct bw_kube_queue *q)
{
	return q->keys.root ? BW_CONTAINER_OF(q->keys.root, struct bw_kube_item, node) : NULL;
}

int bw_kube_queue_join(struct bw_kube_queue *q, struct bw_kube_item *item)
{
	struct key k = { item->namespace, item->name };
	int r;

	/* Room for every key in either heap: nothing that comes later can fail. */
	r = heap_reserve(&q->waiting, q->keys.count + 1);
	if (r < 0)
		return r;
	r = heap_reserve(&q->due, q->keys.count + 1);
	if (r < 0)
		return r;
	item->ready_at = BW_KUBE_NEVER;
	return bw_kube_tree_insert(&q->keys, key_cmp, &k, &item->node) ? -EEXIST : 0;
}

void bw_kube_queue_leave(struct bw_kube_queue *q, struct bw_kube_item *item)
{
	struct key k = { item->namespace, item->name };

	heap_remove(item);
	if (item->running)
		q->running--;
	(void)bw_kube_tree_remove(&q->keys, key_cmp, &k); /* it is the item itself, ignoring */
}

int bw_kube_queue_idle(const struct bw_kube_item *item)
{
	return !item->running && !item->held && !item->parked && !item->failures &&
	       item->ready_at == BW_KUBE_NEVER;
}

/* Puts a key where it belongs now: among those due, those waiting, or nowhere. */
static void settle(struct bw_kube_queue *q, struct bw_kube_item *item, int64_t now)
{
	int64_t at = item->ready_at > item->not_before ? item->ready_at : item->not_before;

	heap_remove(item);
	if (item->ready_at == BW_KUBE_NEVER || item->running || item->held || item->parked)
		return;
	if (at > now) {
		item->order = at;
		heap_add(&q->waiting, item);
		return;
	}
	item->due_at = at;
	item->order = at + later_ns[item->cause];
	heap_add(&q->due, item);
}

static void ripen(struct bw_kube_queue *q, int64_t now)
{
	while (q->waiting.n && q->waiting.items[0]->order <= now)
		settle(q, q->waiting.items[0], now);
}

void bw_kube_queue_ask(struct bw_kube_queue *q, struct bw_kube_item *item, enum bw_key_cause cause,
		       int64_t at, int64_t now)
{
	int first = item->ready_at == BW_KUBE_NEVER;

	if (first) {
		item->seq = ++q->seq;
		item->cause = cause;
		q->adds++;
	}
	if (cause > item->cause)
		item->cause = cause;
	if (at < item->ready_at)
		item->ready_at = at;
	settle(q, item, now);
}

void bw_kube_queue_fact(struct bw_kube_queue *q, struct bw_kube_item *item, int64_t now)
{
	if (item->running)
		item->fresh = 1;
	item->not_before = 0;
	settle(q, item, now);
}

struct bw_kube_item *bw_kube_queue_take(struct bw_kube_queue *q, int64_t now)
{
	struct bw_kube_item *item;

	ripen(q, now);
	if (!q->due.n)
		return NULL;
	item = q->due.items[0];
	heap_remove(item);
	item->running = 1;
	item->fresh = 0;
	item->ready_at = BW_KUBE_NEVER;
	item->started_at = now;
	q->running++;
	return item;
}

static int64_t backoff(struct bw_kube_queue *q, unsigned int failures)
{
	unsigned int n = failures < BACKOFF_DOUBLINGS_MAX ? failures : BACKOFF_DOUBLINGS_MAX;
	int64_t d = BW_KUBE_QUEUE_BASE_NS << n;

	if (d > BW_KUBE_QUEUE_CAP_NS)
		d = BW_KUBE_QUEUE_CAP_NS;
	return d - d / JITTER_PART + bw_kube_rand_below(&q->rand, 2 * d / JITTER_PART + 1);
}

void bw_kube_queue_end(struct bw_kube_queue *q, struct bw_kube_item *item,
		       enum bw_kube_queue_end end, int64_t now)
{
	assert(item->running);
	item->running = 0;
	q->running--;
	switch (end) {
	case BW_KUBE_QUEUE_OK:
		item->failures = 0;
		item->not_before = 0;
		item->backoff_until = 0;
		break;
	case BW_KUBE_QUEUE_FAILED:
		q->retries++;
		if (item->started_at >= item->backoff_until) {
			item->backoff_until = now + backoff(q, item->failures);
			item->failures++;
		}
		item->not_before = item->fresh ? 0 : item->backoff_until;
		bw_kube_queue_ask(q, item, BW_KEY_DEPENDENT, now, now);
		break;
	case BW_KUBE_QUEUE_BROKEN_OFF:
		bw_kube_queue_ask(q, item, BW_KEY_DEPENDENT, now, now);
		break;
	case BW_KUBE_QUEUE_END_MAX_:
		break;
	}
	item->fresh = 0;
	settle(q, item, now);
}

void bw_kube_queue_hold(struct bw_kube_queue *q, struct bw_kube_item *item)
{
	(void)q;
	item->held = 1;
	heap_remove(item);
}

void bw_kube_queue_release(struct bw_kube_queue *q, struct bw_kube_item *item, int64_t now)
{
	item->held = 0;
	settle(q, item, now);
}

void bw_kube_queue_park(struct bw_kube_queue *q, struct bw_kube_item *item)
{
	(void)q;
	item->parked = 1;
	heap_remove(item);
}

void bw_kube_queue_unpark(struct bw_kube_queue *q, struct bw_kube_item *item, int64_t now)
{
	item->parked = 0;
	settle(q, item, now);
}

int64_t bw_kube_queue_next(struct bw_kube_queue *q, int64_t now)
{
	ripen(q, now);
	if (q->due.n)
		return now;
	return q->waiting.n ? q->waiting.items[0]->order : BW_KUBE_NEVER;
}

size_t bw_kube_queue_depth(struct bw_kube_queue *q, int64_t now)
{
	ripen(q, now);
	return q->due.n;
}

void bw_kube_queue_look(struct bw_kube_queue *q, int64_t now, struct bw_kube_queue_stat *ret)
{
	unsigned int left = q->running;
	struct bw_kube_walk w;

	*ret = (struct bw_kube_queue_stat){ 0 };
	ripen(q, now);
	for (size_t i = 0; i < q->due.n; i++)
		ret->due_initial += q->due.items[i]->cause == BW_KEY_INITIAL;
	ret->due = q->due.n - ret->due_initial;
	bw_kube_walk_start(&w, &q->keys, NULL, NULL);
	while (left) {
		struct bw_kube_node *n = bw_kube_walk_next(&w);
		const struct bw_kube_item *item;

		if (!n)
			break;
		item = BW_CONTAINER_OF(n, const struct bw_kube_item, node);
		if (!item->running)
			continue;
		left--;
		ret->unfinished_ns += now - item->started_at;
		if (now - item->started_at > ret->longest_ns)
			ret->longest_ns = now - item->started_at;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two hashes over the same entries: by what is waited for, in the order of age, and by claim. */
#include <string.h>

#include <bw/ip.h>

#include "wait.h"

struct thing {
	struct bw_list node;
	struct bw_list entries; /* oldest first */
	char name[];
};

struct entry {
	struct bw_list by_thing;
	struct bw_list by_claim;
	struct thing *thing;
	uint8_t woken;
	const char *created;
	const char *ns;
	const char *name;
	char text[];
};

static size_t bucket(const char *a, const char *b)
{
	uint64_t h = bw_fnv64(BW_FNV64_BASIS, a, strlen(a) + 1);

	return bw_fnv64(h, b, strlen(b)) % CTL_WAIT_BUCKETS;
}

void ctl_wait_init(struct ctl_wait *w)
{
	w->n = 0;
	for (size_t i = 0; i < CTL_WAIT_BUCKETS; i++) {
		bw_list_init(&w->things[i]);
		bw_list_init(&w->claims[i]);
	}
}

static void remove_entry(struct ctl_wait *w, struct entry *e)
{
	bw_list_del(&e->by_thing);
	bw_list_del(&e->by_claim);
	if (bw_list_empty(&e->thing->entries)) {
		bw_list_del(&e->thing->node);
		free(e->thing);
	}
	free(e);
	w->n--;
}

void ctl_wait_done(struct ctl_wait *w)
{
	for (size_t i = 0; i < CTL_WAIT_BUCKETS && w->claims[i].next; i++)
		bw_list_for_each (n, &w->claims[i])
			remove_entry(w, bw_list_entry(n, struct entry, by_claim));
}

static struct thing *find(const struct ctl_wait *w, const char *name)
{
	bw_list_for_each (n, (struct bw_list *)&w->things[bucket("", name)]) {
		struct thing *t = bw_list_entry(n, struct thing, node);

		if (strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

static struct thing *find_or_make(struct ctl_wait *w, const char *name)
{
	struct thing *t = find(w, name);

	if (t)
		return t;
	t = calloc(1, sizeof(*t) + strlen(name) + 1);
	if (!t)
		return NULL;
	memcpy(t->name, name, strlen(name) + 1);
	bw_list_init(&t->entries);
	bw_list_add_tail(&w->things[bucket("", name)], &t->node);
	return t;
}

/* By age, then by name: <0, 0, >0. */
static int cmp(const struct entry *e, const char *created, const char *ns, const char *name)
{
	int c = strcmp(e->created, created);

	if (c == 0)
		c = strcmp(e->ns, ns);
	return c ? c : strcmp(e->name, name);
}

static char *put(char *at, const char *s, const char **ret)
{
	size_t size = strlen(s) + 1;

	memcpy(at, s, size);
	*ret = at;
	return at + size;
}

/* New ones are young: looking from the end is short. */
static struct bw_list *place(struct thing *t, const char *created, const char *ns, const char *name,
			     int *ret_there)
{
	struct bw_list *at = t->entries.prev;

	*ret_there = 0;
	for (; at != &t->entries; at = at->prev) {
		int c = cmp(bw_list_entry(at, struct entry, by_thing), created, ns, name);

		if (c == 0)
			*ret_there = 1;
		if (c <= 0)
			break;
	}
	return at;
}

int ctl_wait_add(struct ctl_wait *w, const char *thing, const char *created, const char *ns,
		 const char *name)
{
	struct thing *t = find_or_make(w, thing);
	struct bw_list *after;
	struct entry *e;
	int there;
	char *at;

	if (!t)
		return -ENOMEM;
	after = place(t, created, ns, name, &there);
	if (there)
		return 0;
	e = calloc(1, sizeof(*e) + strlen(created) + strlen(ns) + strlen(name) + 3);
	if (!e) {
		if (bw_list_empty(&t->entries)) {
			bw_list_del(&t->node);
			free(t);
		}
		return -ENOMEM;
	}
	e->thing = t;
	at = put(e->text, created, &e->created);
	at = put(at, ns, &e->ns);
	(void)put(at, name, &e->name);
	/* Before the one after it. */
	bw_list_add_tail(after->next, &e->by_thing);
	bw_list_add_tail(&w->claims[bucket(ns, name)], &e->by_claim);
	w->n++;
	return 0;
}

void ctl_wait_forget(struct ctl_wait *w, const char *ns, const char *name,
		     void (*fn)(const char *thing, void *arg), void *arg)
{
	bw_list_for_each (n, &w->claims[bucket(ns, name)]) {
		struct entry *e = bw_list_entry(n, struct entry, by_claim);

		if (strcmp(e->ns, ns) != 0 || strcmp(e->name, name) != 0)
			continue;
		if (fn)
			fn(e->thing->name, arg);
		remove_entry(w, e);
	}
}

int ctl_wait_has(const struct ctl_wait *w, const char *thing, const char *ns, const char *name)
{
	bw_list_for_each (n, (struct bw_list *)&w->claims[bucket(ns, name)]) {
		struct entry *e = bw_list_entry(n, struct entry, by_claim);

		if (strcmp(e->ns, ns) == 0 && strcmp(e->name, name) == 0 &&
		    strcmp(e->thing->name, thing) == 0)
			return 1;
	}
	return 0;
}

size_t ctl_wait_ahead(const struct ctl_wait *w, const char *thing, const char *created,
		      const char *ns, const char *name, size_t most)
{
	struct thing *t = find(w, thing);
	size_t k = 0;

	if (!t)
		return 0;
	bw_list_for_each (n, &t->entries) {
		if (k == most ||
		    cmp(bw_list_entry(n, struct entry, by_thing), created, ns, name) >= 0)
			break;
		k++;
	}
	return k;
}

void ctl_wait_wake(struct ctl_wait *w, const char *thing, size_t most, ctl_wake_fn fn, void *arg)
{
	struct thing *t = find(w, thing);

	if (!t)
		return;
	bw_list_for_each (n, &t->entries) {
		struct entry *e = bw_list_entry(n, struct entry, by_thing);

		if (most-- == 0)
			break;
		if (e->woken)
			continue;
		e->woken = 1;
		fn(e->ns, e->name, arg);
	}
}

void ctl_wait_tell(const struct ctl_wait *w, const char *thing, size_t most, ctl_wake_fn fn,
		   void *arg)
{
	struct thing *t = find(w, thing);

	if (!t)
		return;
	bw_list_for_each (n, &t->entries) {
		struct entry *e = bw_list_entry(n, struct entry, by_thing);

		if (most-- == 0)
			break;
		fn(e->ns, e->name, arg);
	}
}

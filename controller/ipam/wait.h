/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims that wait for something: a pool's next free address, one address, a pool that does not
 * exist yet. What they wait for is a text; the oldest claim is served first.
 */
#pragma once

#include <bw/defs.h>
#include <bw/list.h>

#define CTL_WAIT_BUCKETS 1024

struct ctl_wait {
	struct bw_list things[CTL_WAIT_BUCKETS]; /* what is waited for, by name */
	struct bw_list claims[CTL_WAIT_BUCKETS]; /* who waits, by namespace and name */
	size_t n;
};

/* Asks for a reconcile of a claim. */
typedef void (*ctl_wake_fn)(const char *ns, const char *name, void *arg);

void ctl_wait_init(struct ctl_wait *w);
void ctl_wait_done(struct ctl_wait *w);

/*
 * A claim waits for @thing. @created orders as text (RFC 3339). Texts are copied. 0, also when it
 * waits already; -ENOMEM.
 */
int ctl_wait_add(struct ctl_wait *w, const char *thing, const char *created, const char *ns,
		 const char *name);

/* A claim waits for nothing any more. @fn, when given, is told what it had waited for. */
void ctl_wait_forget(struct ctl_wait *w, const char *ns, const char *name,
		     void (*fn)(const char *thing, void *arg), void *arg);

/* Whether a claim waits for @thing. */
int ctl_wait_has(const struct ctl_wait *w, const char *thing, const char *ns, const char *name);

/* How many older claims wait for @thing, counted up to @most. */
size_t ctl_wait_ahead(const struct ctl_wait *w, const char *thing, const char *created,
		      const char *ns, const char *name, size_t most);

/* Wakes those of the @most oldest that have not been woken. */
void ctl_wait_wake(struct ctl_wait *w, const char *thing, size_t most, ctl_wake_fn fn, void *arg);

/* The same without counting them as woken: something they tell of has changed. */
void ctl_wait_tell(const struct ctl_wait *w, const char *thing, size_t most, ctl_wake_fn fn,
		   void *arg);

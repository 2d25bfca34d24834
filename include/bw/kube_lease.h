/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election by a Lease (coordination.k8s.io/v1).
 *
 * I1 Time is the loop's: a Lease has run out when its record has not *changed* for its duration
 *    since we saw it, whatever times it holds. Clocks of machines are never compared.
 * I2 A leader that has not renewed within the deadline is none any more, before anybody else can
 *    be one: deadline < duration, and both count from when a request was sent.
 * I3 It is no fence: a request of the old leader may still be under way. What is written must be
 *    safe without it.
 */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct bw_kube_client;
struct bw_kube_lease;
struct bw_loop;
struct bw_metrics;

#define BW_LEASE_DURATION_S 30
#define BW_LEASE_DEADLINE_MS 20000
#define BW_LEASE_RETRY_MS 4000

struct bw_kube_lease_options {
	const char *namespace;
	const char *name;
	const char *identity; /* unique: host's or pod's name and something of this process */
	unsigned int duration_s; /* 0 = BW_LEASE_DURATION_S, likewise the others */
	unsigned int deadline_ms;
	unsigned int retry_ms;
	uint64_t seed; /* of the jitter */
	/* 1 when we lead from now on, 0 when no longer: a program exits then. */
	void (*lead)(int leading, void *arg);
	/* Optional: who holds it now; "" = nobody. */
	void (*holder)(const char *identity, void *arg);
	void *arg;
};

/**
 * bw_kube_lease_new() - begin to run for leadership
 * @loop: borrowed, as @client and @metrics (may be NULL)
 * @opts: copied, texts too
 * @ret: owned by the caller
 *
 * Return: 0; -EINVAL class INVALID a deadline that is not shorter than the duration; -ENOMEM.
 */
int bw_kube_lease_new(struct bw_loop *loop, struct bw_kube_client *client,
		      struct bw_metrics *metrics, const struct bw_kube_lease_options *opts,
		      struct bw_kube_lease **ret, struct bw_err *err);

/* Whether we lead now; what .lead was told last. */
int bw_kube_lease_is_held(const struct bw_kube_lease *l);

/*
 * Gives the Lease up, to be called when nothing writes any more; the next leader need not wait.
 * @fn is called once, when that is done or after two seconds. @l leads no more and runs no more.
 */
void bw_kube_lease_release(struct bw_kube_lease *l, void (*fn)(void *arg), void *arg);

/* Without giving it up. Cancels what is in flight. NULL-safe. */
void bw_kube_lease_free(struct bw_kube_lease **l);

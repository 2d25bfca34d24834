/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events (events.k8s.io/v1) about objects. What is told once more within six minutes becomes a
 * series of the first Event.
 *
 * I1 Telling never blocks and never fails: what there is no room for is dropped and counted.
 * I2 One request is in flight; a series is written at most once a minute.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_plan.h>

struct bw_err;
struct bw_kube_client;
struct bw_kube_events;
struct bw_kube_kind;
struct bw_loop;
struct bw_metrics;

#define BW_KUBE_EVENTS_MAX 1000 /* Events that are remembered, sent or not */
#define BW_KUBE_EVENT_BURST 25 /* new Events of one object, then one in */
#define BW_KUBE_EVENT_REFILL_S 300

/* What an Event is about. Texts may be NULL where there is nothing. */
struct bw_kube_about {
	const struct bw_kube_kind *kind;
	const char *namespace;
	const char *name;
	const char *uid;
	const char *rv;
};

/**
 * bw_kube_events_new() - a recorder
 * @loop: borrowed for the recorder's life, as @client and @metrics (may be NULL)
 * @component: reportingController, a qualified name; copied
 * @instance: reportingInstance, the host's or pod's name; copied
 * @seed: of the Events' names
 * @ret: owned by the caller
 *
 * Return: 0; -ENOMEM.
 */
int bw_kube_events_new(struct bw_loop *loop, struct bw_kube_client *client,
		       struct bw_metrics *metrics, const char *component, const char *instance,
		       uint64_t seed, struct bw_kube_events **ret, struct bw_err *err);
/* Cancels what is in flight and forgets the rest. NULL-safe. */
void bw_kube_events_free(struct bw_kube_events **ev);

/* Tells of @about. @note is cut to 1,023 bytes, @reason is CamelCase. @ev may be NULL. */
void bw_kube_events_tell(struct bw_kube_events *ev, const struct bw_kube_about *about,
			 enum bw_event_type type, const char *reason, const char *note);

/* How many wait to be sent, the one in flight included. */
size_t bw_kube_events_pending(const struct bw_kube_events *ev);
/* @fn is called (by defer) whenever nothing waits any more: a stop waits for it. NULL = nobody. */
void bw_kube_events_on_idle(struct bw_kube_events *ev, void (*fn)(void *arg), void *arg);

/* SPDX-License-Identifier: Apache-2.0 */
/* What others see of the agent: metrics, health, events. */
#pragma once

struct agent;
struct agent_monitor;
struct bw_err;

/**
 * agent_monitor_new() - listen for scrapes and probes
 * @a: with its runtime
 * @metrics: address; "" = no metrics
 * @health: address; "" = no health
 * @ret: owned by the caller
 *
 * /healthz lives while the loop does; /readyz needs the socket and the journal, not the API server:
 * an outage of that must not end a daemon that serves through it.
 * Return: 0; -EINVAL class INVALID an address; -EADDRINUSE; -ENOMEM.
 */
int agent_monitor_new(struct agent *a, const char *metrics, const char *health,
		      struct agent_monitor **ret, struct bw_err *err);
/* NULL-safe. */
void agent_monitor_free(struct agent_monitor **m);

/* A Warning about a claim, for people; never fails. */
void agent_warn_claim(struct agent *a, const char *ns, const char *name, const char *uid,
		      const char *reason, const char *note);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of this node's NodeNetwork: what the agent found. Written only when it differs from
 * what was written last.
 */
#pragma once

#include <bw/defs.h>

#include "bind.h"

struct agent;
struct agent_differences;
struct agent_inventory;
struct bw_err;

int agent_inventory_new(struct agent *a, struct agent_inventory **ret, struct bw_err *err);
/* Cancels what is in flight. NULL-safe. */
void agent_inventory_free(struct agent_inventory **inv);

/* Something may have changed: soon, and once for many changes. NULL-safe. */
void agent_inventory_look(struct agent_inventory *inv);
/*
 * The same, and writes it be it the same as last, without waiting a back-off out: the API server
 * has just answered, and may have lost what it had.
 */
void agent_inventory_again(struct agent_inventory *inv);

#define AGENT_CONDITIONS_MAX 6

enum agent_condition_type {
	AGENT_ADDRESS_CONFLICT,
	AGENT_READY,
	AGENT_RESTORE_SUSPECTED,
	AGENT_STALE_ATTACHMENT,
	AGENT_UPLINK_MISSING,
	AGENT_VLAN_UNSUPPORTED,
};

struct agent_condition {
	const char *type;
	int status;
	const char *reason;
	char message[AGENT_WHY_MAX];
	int64_t since_s; /* of the last change of .status */
};

/* One attachment as the journal has it, for the list that is published after a restore. */
struct agent_live {
	const char *ns, *claim, *uid, *iface, *pool, *domain;
	uint64_t token;
	char ips[BW_BINDING_IPS_MAX][BW_IP_STR_MAX];
	size_t n_ips;
};

/* What a status is made of. Borrowed. */
struct agent_inventory_in {
	const struct agent_facts *facts;
	const char *node_uid, *boot_id, *version, *cluster_id;
	int64_t generation; /* of the NodeNetwork; 0 = unknown */
	uint64_t epoch;
	unsigned int attachments;
	const struct agent_condition *conditions; /* AGENT_CONDITIONS_MAX of them */
	const struct agent_live *live;
	size_t n_live;
	const struct agent_differences *differences; /* NULL = none */
};

/**
 * agent_inventory_text() - {"status": ...} as a merge patch (pure)
 * @in: facts
 * @ret: owned by the caller, freed by free()
 *
 * What is absent is written as null, so that it goes. Return: 0; -ENOMEM.
 */
int agent_inventory_text(const struct agent_inventory_in *in, char **ret, struct bw_err *err);

/* The domains of all pools, each once, by name; at most @max. Returns how many. */
size_t agent_domains(const struct agent_facts *f, const char **out, size_t max);

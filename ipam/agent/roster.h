/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live attachments of claims with what their bindings say of the wire: read once an attachment,
 * so that a look at a carrier or at a frame costs no journal.
 */
#pragma once

#include <bw/binding.h>
#include <bw/defs.h>
#include <bw/journal_claim.h>
#include <bw/link.h>
#include <bw/list.h>

struct agent;
struct agent_roster;
struct bw_err;

struct agent_member {
	struct bw_list node;
	int64_t id; /* row of the attachment */
	char uid[BW_CLAIM_UID_MAX + 1]; /* of the claim */
	char *ns, *claim; /* owned */
	char uplink[BW_LINK_NAME_MAX + 1]; /* "" = none */
	uint16_t vlan;
	uint8_t is_available; /* its pool says fencing Available */
	uint8_t is_cut; /* as the journal has it */
	uint8_t is_held; /* guard.h: cut off until the cluster confirms it */
	uint8_t is_doubted; /* somebody else was seen, the API server is being asked */
	uint8_t clean; /* rounds in which nobody had its addresses, while it is held */
	uint8_t seen; /* by the look under way */
	struct bw_mac mac;
	struct bw_ip ips[BW_BINDING_IPS_MAX];
	size_t n_ips;
	int64_t conflict_ns; /* when somebody else was seen last; 0 = never */
	int64_t doubted_ns; /* when that was last taken for a doubt */
	int64_t told_ns; /* when that was told last; 0 = never */
};

int agent_roster_new(struct agent *a, struct agent_roster **ret, struct bw_err *err);
/* NULL-safe. */
void agent_roster_free(struct agent_roster **r);

/* Brings it up to date with the journal. */
void agent_roster_look(struct agent_roster *r);

/* The list of struct agent_member, in the order of their making; borrowed until the next look. */
struct bw_list *agent_roster_list(struct agent_roster *r);
/* By the attachment's row; NULL = it is none of a claim, or not live. Borrowed likewise. */
struct agent_member *agent_roster_get(struct agent_roster *r, int64_t id);
/* The attachment was cut off, or speaks again. */
void agent_roster_cut(struct agent_roster *r, int64_t id, int on);
/* How many are held. */
unsigned int agent_roster_held(struct agent_roster *r);

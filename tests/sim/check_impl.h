/* SPDX-License-Identifier: Apache-2.0 */
/* What the checker remembers of each claim and address. */
#pragma once

#include "check.h"

#define SIM_FENCES_MAX 128

enum sim_state {
	SIM_STATE_NONE,
	SIM_STATE_BOUND,
	SIM_STATE_RETAINED,
	SIM_STATE_COOLING,
	SIM_STATE_OTHER,
};

struct sim_fact {
	uint8_t exists;
	char uid[SIM_UID_MAX]; /* of a claim; of the claim of an address */
	/* A claim. */
	uint8_t deleting, bound, releasing;
	sim_ip ips[SIM_IPS_MAX];
	unsigned int slots[SIM_IPS_MAX]; /* interface and family */
	unsigned int n_ips;
	char node[SIM_NAME_MAX], node_uid[SIM_UID_MAX];
	uint64_t token, detached, forced;
	int64_t held_ns; /* since when with this token */
	/* An address. */
	sim_ip ip;
	enum sim_state state;
	uint8_t old; /* it came back with a restore, and nobody has written it since */
};

struct sim_fence {
	char uid[SIM_UID_MAX];
	int64_t to_ns; /* INT64_MAX = it is fenced */
};

#define SIM_OWNERS_MAX 1024 /* addresses of one run */

/* By address number: its object, whichever claim has it, whichever node speaks for it. */
struct sim_owners {
	const struct sim_fact *object[SIM_OWNERS_MAX];
	const struct sim_key *claim[SIM_OWNERS_MAX];
	const struct sim_node *node[SIM_OWNERS_MAX];
};

struct sim_check {
	struct sim_owners owners; /* of the present look; large */
	struct sim_world *world;
	char broken[600];
	char **ips; /* by number - 1 */
	unsigned int n_ips;
	struct sim_fence fences[SIM_FENCES_MAX];
	unsigned int n_fences;
	uint8_t restored;
	uint64_t writes;
	char why[400];
};

/* Number of an address in a domain, made when it is new; 0 = no address. */
sim_ip sim_ip_number(struct sim_check *c, const char *domain, const char *address);
const char *sim_ip_text(const struct sim_check *c, sim_ip ip);
/* The address object of a number; NULL = there never was one. */
const struct sim_fact *sim_fact_of_ip(const struct sim_check *c, sim_ip ip);
/* Whether a declared address of a claim is somebody else's (converge.c). */
int sim_check_blocked(struct sim_check *c, const struct sim_key *claim);
/* Of a Unit, and of an object that is made for one (units.c). */
const char *sim_unit_state(struct sim_check *c, const struct sim_key *unit);
const char *sim_made_state(struct sim_check *c, const struct sim_key *made);
const struct sim_fact *sim_fact_of_claim(const struct sim_check *c, const char *uid);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What barewire knows of a bridge, kept in the bridge itself: its alias. Words parted by blanks,
 * the first one "barewire". A bridge with somebody else's alias keeps it; nothing is known of it
 * then.
 */
#pragma once

#include <net/if.h>

#include <bw/defs.h>

#define BRIDGE_ALIAS_MAX 128

struct bridge_alias {
	uint8_t ours; /* the alias is empty or begins with "barewire" */
	uint8_t known; /* it begins with "barewire" */
	uint8_t made; /* by us: `net clean` removes the bridge */
	uint8_t is_new; /* no ADD succeeded on it yet */
	uint8_t raised; /* the uplink was down before */
	uint8_t moved; /* the bridge has the uplink's addresses */
	uint16_t vlan; /* the tag its programs carry; 0 = none */
	char uplink[IFNAMSIZ]; /* enslaved by us; "" = none */
};

/* Reads an alias; unknown words are skipped, so that another version's are no error. */
void bridge_alias_parse(const char *text, struct bridge_alias *ret);

/* Writes it; returns @out. */
const char *bridge_alias_str(const struct bridge_alias *a, char out[BRIDGE_ALIAS_MAX]);

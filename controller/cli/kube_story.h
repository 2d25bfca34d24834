/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is read to tell of one Unit: its pod, its claim, the pools, the node, events. */
#pragma once

#include <gen/k8s.h>
#include <gen/net.h>

#include "kube_unit.h"

#define CLI_STORY_EVENTS 12 /* the last ones */
#define CLI_STORY_POOLS 8

struct cli_story_event {
	char time[40]; /* RFC 3339; sorts as text */
	char kind[64]; /* of what it is about */
	char type[32];
	char reason[128];
	char note[512]; /* cut */
	int count;
};

struct cli_story {
	struct cli_unit unit;
	int64_t now_s;
	/* What is not there or may not be read is zeroed. */
	struct bw_buf pod_text;
	struct bw_k_pod pod;
	struct bw_buf claim_text;
	struct bw_net_claim claim;
	struct bw_buf nodenet_text;
	struct bw_net_node nodenet;
	struct bw_k_node node;
	struct bw_net_pool pools[CLI_STORY_POOLS]; /* that the claim's addresses are of */
	size_t n_pools;
	struct cli_story_event events[CLI_STORY_EVENTS]; /* the newest last */
	size_t n_events;
	uint8_t has_pod;
	uint8_t has_claim;
	uint8_t has_node;
	uint8_t has_nodenet;
	uint8_t pod_hidden; /* it may not be read; likewise the others */
	uint8_t claim_hidden;
	uint8_t node_hidden;
	uint8_t events_hidden;
};

struct cli_session;

/* Reads the Unit that @word names and what belongs to it. CLI_OK; others after a message. */
int cli_story_read(struct cli_session *s, const char *word, struct cli_story **ret);
/* Nulls it; NULL is nothing. */
void cli_story_free(struct cli_story **story);

/* By name; NULL = it was not read. Borrowed, as the next one. */
const struct bw_net_pool *cli_story_pool(const struct cli_story *t, const char *name);
/* How its node reaches a segment; NULL = the node does not say. */
const struct bw_net_node_status_domain *cli_story_domain(const struct cli_story *t,
							 const char *domain);
/* Whether its node's kernel has a feature. */
int cli_story_has(const struct cli_story *t, const char *feature);
/* Whether "NAMESPACE/NAME" is its pod. */
int cli_story_is_pod(const struct cli_story *t, const char *pod);

int cli_node_is_ready(const struct bw_k_node *n);

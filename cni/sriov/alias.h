/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alias of a VF in a pod: "barewire:<host name>:<hash>:<ifname>". It says, with no journal,
 * whose the VF is and what it is called on the host. Pure.
 */
#pragma once

#include <bw/attach.h>
#include <bw/defs.h>
#include <bw/link.h>

struct sriov_alias {
	char host_name[BW_LINK_NAME_MAX + 1];
	char hash[BW_ATTACH_HASH_LEN + 1]; /* of the container ID and ifname */
	char ifname[BW_LINK_NAME_MAX + 1]; /* what the runtime calls the interface */
};

/* The alias of an attachment's VF that is @host_name on the host. */
void sriov_alias_make(const char *host_name, const char *container_id, const char *ifname,
		      char out[BW_LINK_ALIAS_MAX + 1]);

/* Reads one. Return: 1 it is ours and whole; 0 it is not. */
int sriov_alias_parse(const char *text, struct sriov_alias *ret);

/* Whether an alias names this attachment. */
int sriov_alias_is(const char *text, const char *container_id, const char *ifname);

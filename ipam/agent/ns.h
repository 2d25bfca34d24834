/* SPDX-License-Identifier: Apache-2.0 */
/* Where a recorded network namespace is in the daemon's own mounts. */
#pragma once

#include <stdio.h>
#include <string.h>

#include <bw/journal.h>

struct bw_err;

/*
 * Runtimes record /var/run/netns/X and /run/netns/X for the same; a container's image need not have
 * the first. Returns @out.
 */
static inline const char *agent_netns_path(const struct bw_attachment *att,
					   char out[BW_JOURNAL_PATH_MAX])
{
	if (strncmp(att->netns, "/var/run/", 9) == 0)
		(void)snprintf(out, BW_JOURNAL_PATH_MAX, "/run/%s", att->netns + 9); /* fits */
	else
		(void)snprintf(out, BW_JOURNAL_PATH_MAX, "%s", att->netns); /* fits */
	return out;
}

/**
 * agent_netns_lives() - is an attachment's namespace still there
 * @att: .netns is not empty
 * @err: why it cannot be said
 *
 * What lies below /proc is another process table's, and a folder that is missing says nothing.
 * Return: 1 it lives; 0 it is gone; -errno it cannot be said.
 */
int agent_netns_lives(const struct bw_attachment *att, struct bw_err *err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugins and the network's configuration on the host: put there whole or not at all, taken
 * away only at a real uninstall.
 *
 * I1 A file in place is either the old one or the new one, complete and synced, at every moment.
 * I2 The configuration comes after the programs and goes before them: a runtime never reads of a
 *    program that is not there.
 * I3 What is the same is not written again: a restart touches nothing.
 */
#pragma once

#include <bw/defs.h>

struct bw_err;

#define AGENT_INSTALL_FILE_MAX (64U << 20) /* bytes of one program */

struct agent_install {
	const char *from; /* folder of the image that has the programs */
	const char *bin_dir; /* of the host: /opt/cni/bin */
	const char *conf; /* the conflist's file in the image */
	const char *conf_dir; /* of the host: /etc/cni/net.d */
};

/**
 * agent_install_programs() - bring the plugins to their folder
 * @in: .from and .bin_dir
 * @ret_n: how many files were written; may be NULL
 *
 * Return: 0; -ENOENT a program is missing in the image; -EFBIG; -ENOSPC; -errno.
 */
int agent_install_programs(const struct agent_install *in, unsigned int *ret_n, struct bw_err *err);

/* The configuration, under its own name. Return: as above. */
int agent_install_conf(const struct agent_install *in, unsigned int *ret_n, struct bw_err *err);

/* Takes both away, the configuration first. Return: 0 also when there is nothing; -errno. */
int agent_install_remove(const struct agent_install *in, struct bw_err *err);

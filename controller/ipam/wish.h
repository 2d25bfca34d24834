/* SPDX-License-Identifier: Apache-2.0 */
/* The annotation net.barewire.dev/address: which addresses a pod declares. */
#pragma once

#include <bw/ip.h>

struct bw_err;

#define CTL_WISH_MAX 65536 /* characters of the annotation */
#define CTL_WISH_FAMILIES 2 /* at most one address of each */

/**
 * ctl_wish_parse() - the addresses that one pod declares
 * @text: "A[,A6]"; for a StatefulSet "A[,A6];B[,B6];..." or "A-B[,A6-B6]"
 * @ordinal: of the pod in its StatefulSet, from 0; -1 = it has none
 * @ret: one or two, of different families; untouched on failure
 * @ret_n: how many
 * @err: class INVALID, names what is wrong
 *
 * Return: 0; -EINVAL it cannot be understood, or it is a list and the pod has no ordinal; -ERANGE
 * the ordinal is beyond its end.
 */
int ctl_wish_parse(const char *text, int64_t ordinal, struct bw_ip ret[CTL_WISH_FAMILIES],
		   size_t *ret_n, struct bw_err *err);

/**
 * ctl_pod_ordinal() - the number at the end of a StatefulSet's pod's name
 * @name: NAME-N
 *
 * Return: N, at most 10^9; -1 it ends otherwise.
 */
int64_t ctl_pod_ordinal(const char *name);

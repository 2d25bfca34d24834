/* SPDX-License-Identifier: Apache-2.0 */
/* Taking an attachment's kernel side down: for DEL, GC, and whoever takes over its address. */
#pragma once

struct bw_attachment;
struct bw_err;
struct bw_nl;

/**
 * bridge_teardown() - forwarding entry, programs, interfaces, masquerade rules
 * @host: route socket in the host's namespace
 * @a: host_if names the interface, "" = derived from container ID and ifname; flags say what else
 *     there is; network and container_id own the rules
 *
 * Goes on after a failure; all of it may be gone already. An interface is only ever removed by
 * the host's end, whose name belongs to this attachment alone.
 * Return: 0; the first -errno.
 */
int bridge_teardown(struct bw_nl *host, const struct bw_attachment *a, struct bw_err *err);

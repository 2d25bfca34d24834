/* SPDX-License-Identifier: Apache-2.0 */
/* The register of ports. */
#include <net/if.h>
#include <string.h>

#include <bpf/bpf.h>

#include <bw/err.h>

#include "port.h"

#define DP_CLAIM_TRIES 16 /* neighbours tried before the whole register is read */

struct bw_mac_key dp_port_key(const struct dp_port *port)
{
	struct bw_mac_key key = { .dev = port->dev, .vid = port->vid };

	memcpy(key.mac, port->mac, sizeof(key.mac));
	return key;
}

int dp_port_is_present(const struct dp_port *port)
{
	char name[IF_NAMESIZE] = "";

	return if_indextoname(port->ifindex, name) && !strcmp(name, port->host_if);
}

/* 0; -EEXIST it is taken; -ENOSPC all are. */
static int try_slot(struct dp_dir *dir, uint32_t slot, const struct dp_port *port,
		    struct bw_err *err)
{
	int r = dp_map_put(dir, DP_MAP_PORT, &slot, port, sizeof(*port), BPF_NOEXIST, err);

	if (r == -E2BIG) /* the kernel's word for a full hash map */
		return bw_reject(err, BW_ERR_BUSY, ENOSPC,
				 "the datapath's tables are full: all %u ports are taken",
				 BW_SLOTS_MAX);
	return r;
}

static int mark_taken(const void *key, const void *value, void *arg, struct bw_err *err)
{
	uint32_t slot;
	char *taken = arg;

	(void)value; /* any record takes its slot */
	(void)err;
	memcpy(&slot, key, sizeof(slot));
	if (slot < BW_SLOTS_MAX)
		taken[slot] = 1;
	return 0;
}

/* The neighbours are taken: read the register once, then try what looked free. */
static int claim_any(struct dp_dir *dir, uint32_t n, const struct dp_port *port, uint32_t *ret_slot,
		     struct bw_err *err)
{
	bw_autofree char *taken = calloc(1, n);
	int r;

	if (!taken)
		return bw_fail(err, ENOMEM, "claim a slot");
	r = dp_map_each(dir, DP_MAP_PORT, sizeof(*port), mark_taken, taken, err);
	if (r)
		return r;
	for (uint32_t slot = 0; slot < n; slot++) {
		if (taken[slot])
			continue;
		r = try_slot(dir, slot, port, err);
		if (r == -EEXIST)
			continue;
		if (!r)
			*ret_slot = slot;
		return r;
	}
	return bw_reject(err, BW_ERR_BUSY, ENOSPC,
			 "the datapath's tables are full: all %u ports are taken", n);
}

int dp_port_claim(struct dp_dir *dir, const struct dp_port *port, uint32_t *ret_slot,
		  struct bw_err *err)
{
	const uint32_t n = BW_SLOTS_MAX; /* claims are made in our own directory only */

	for (uint32_t i = 0; i < DP_CLAIM_TRIES && i < n; i++) {
		uint32_t slot = (port->ifindex + i) % n;
		int r = try_slot(dir, slot, port, err);

		if (r && r != -EEXIST)
			return r;
		if (r)
			continue;
		*ret_slot = slot;
		return 0;
	}
	return claim_any(dir, n, port, ret_slot, err);
}

struct each_port {
	dp_port_fn fn;
	void *arg;
};

static int each_record(const void *key, const void *value, void *arg, struct bw_err *err)
{
	const struct each_port *e = arg;
	struct dp_found found;

	memcpy(&found.slot, key, sizeof(found.slot));
	memcpy(&found.port, value, sizeof(found.port));
	found.port.host_if[DP_PORT_NAME_SIZE - 1] = '\0';
	if (found.port.kind > DP_PORT_UPLINK || found.port.hook >= BW_DP_HOOK_MAX_)
		return 0; /* a later version's kind of port: not ours to touch */
	return e->fn(&found, e->arg, err);
}

int dp_port_each(struct dp_dir *dir, dp_port_fn fn, void *arg, struct bw_err *err)
{
	struct each_port e = { fn, arg };
	int r = dp_dir_map(dir, DP_MAP_PORT, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	return dp_map_each(dir, DP_MAP_PORT, sizeof(struct dp_port), each_record, &e, err);
}

struct find_arg {
	int ifindex;
	const char *host_if;
	struct dp_found *ret;
	int n;
};

static int match(const struct dp_found *found, void *arg, struct bw_err *err)
{
	struct find_arg *f = arg;

	(void)err; /* comparing cannot fail */
	if ((!f->ifindex || (uint32_t)f->ifindex == found->port.ifindex) &&
	    (!f->host_if || !strcmp(f->host_if, found->port.host_if))) {
		*f->ret = *found;
		f->n++;
	}
	return 0;
}

int dp_port_find(struct dp_dir *dir, int ifindex, const char *host_if, struct dp_found *ret,
		 struct bw_err *err)
{
	struct find_arg f = { ifindex, host_if, ret, 0 };
	int r = dp_port_each(dir, match, &f, err);

	return r ? r : f.n > 0;
}

static int remove_fdb(struct dp_dir *dir, const struct dp_found *found, struct bw_err *err)
{
	struct bw_mac_key key = dp_port_key(&found->port);
	struct bw_fdb fdb;
	int r = dp_map_get(dir, DP_MAP_FDB, &key, &fdb, sizeof(fdb), err);

	if (r <= 0 || fdb.slot != found->slot || fdb.ifindex != found->port.ifindex)
		return r < 0 ? r : 0;
	return dp_map_del(dir, DP_MAP_FDB, &key, err);
}

static int remove_ep(struct dp_dir *dir, const struct dp_found *found, struct bw_err *err)
{
	struct bw_ep ep;
	int r = dp_map_get(dir, DP_MAP_EP, &found->port.ifindex, &ep, sizeof(ep), err);

	if (r <= 0 || ep.slot != found->slot)
		return r < 0 ? r : 0;
	return dp_map_del(dir, DP_MAP_EP, &found->port.ifindex, err);
}

static int remove_uplink(struct dp_dir *dir, const struct dp_found *found, struct bw_err *err)
{
	struct bw_uplink up;
	int r = dp_map_get(dir, DP_MAP_UPLINK, &found->port.ifindex, &up, sizeof(up), err);

	if (r <= 0 || up.slot != found->slot)
		return r < 0 ? r : 0;
	return dp_map_del(dir, DP_MAP_UPLINK, &found->port.ifindex, err);
}

/* port_abi.h, I2: what the next owner finds. */
static int clean_slot(struct dp_dir *dir, const struct dp_found *found, struct bw_err *err)
{
	const struct bw_bucket empty = { 0 };
	struct bw_slot slot = { 0 };
	int r = dp_map_get(dir, DP_MAP_SLOT, &found->slot, &slot, sizeof(slot), err);

	if (r < 0)
		return r;
	slot = (struct bw_slot){ .gen = slot.gen + 1 };
	r = dp_map_put(dir, DP_MAP_SLOT, &found->slot, &slot, sizeof(slot), BPF_ANY, err);
	if (!r && (found->port.rx_rate_bps || found->port.tx_rate_bps))
		r = dp_map_put(dir, DP_MAP_BUCKET, &found->slot, &empty, sizeof(empty), BPF_ANY,
			       err);
	return r ? r : dp_stat_clear(dir, found->slot, err);
}

static int detach_in(struct dp_dir *dir, const struct dp_found *found, struct bw_err *err)
{
	return dp_detach(dir, &found->port, DP_SIDE_IN, 0, err);
}

static int detach_out(struct dp_dir *dir, const struct dp_found *found, struct bw_err *err)
{
	return dp_detach(dir, &found->port, DP_SIDE_OUT, 0, err);
}

static int detach_in_now(struct dp_dir *dir, const struct dp_found *found, struct bw_err *err)
{
	return dp_detach(dir, &found->port, DP_SIDE_IN, 1, err);
}

static int detach_out_now(struct dp_dir *dir, const struct dp_found *found, struct bw_err *err)
{
	return dp_detach(dir, &found->port, DP_SIDE_OUT, 1, err);
}

typedef int (*remove_fn)(struct dp_dir *dir, const struct dp_found *found, struct bw_err *err);

#define DP_STEPS_MAX 6

/* In this order, by kind and by whether the programs must be gone at once. */
static const remove_fn steps[][2][DP_STEPS_MAX] = {
	[DP_PORT_ENDPOINT] = {
		{ remove_fdb, detach_in, detach_out, remove_ep, clean_slot },
		{ remove_fdb, detach_in_now, detach_out_now, remove_ep, clean_slot },
	},
	[DP_PORT_UPLINK] = {
		{ remove_uplink, detach_in, detach_out, clean_slot },
		{ remove_uplink, detach_in_now, detach_out_now, clean_slot },
	},
};

int dp_port_remove(struct dp_dir *dir, const struct dp_found *found, int at_once,
		   struct bw_err *err)
{
	const remove_fn *todo = steps[found->port.kind][at_once ? 1 : 0];
	struct bw_err later = { 0 };
	int first = 0;

	for (int i = 0; i < DP_STEPS_MAX && todo[i]; i++) {
		int r = todo[i](dir, found, first ? &later : err);

		/* A map another version lacks, or that a killed process did not pin. */
		if (r && r != -ENOENT && !first)
			first = r;
	}
	/* The record stays while anything may be left, for the next try. */
	return first ? first : dp_map_del(dir, DP_MAP_PORT, &found->slot, err);
}

struct namesake {
	struct dp_dir *dir;
	const struct dp_port *port;
};

static int remove_namesake(const struct dp_found *found, void *arg, struct bw_err *err)
{
	const struct namesake *n = arg;

	if (found->port.ifindex != n->port->ifindex &&
	    strcmp(found->port.host_if, n->port->host_if))
		return 0;
	return dp_port_remove(n->dir, found, 1, err);
}

int dp_port_remove_namesakes(struct dp_dir *dir, const struct dp_port *port, struct bw_err *err)
{
	struct namesake n = { dir, port };

	return dp_port_each(dir, remove_namesake, &n, err);
}

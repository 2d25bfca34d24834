/* SPDX-License-Identifier: Apache-2.0 */
/* A VF's netdev into the pod and home again. */
#include <string.h>

#include <bw/err.h>
#include <bw/nl.h>

#include "add.h"
#include "move.h"

#define MTU_LEAST 68 /* ETH_MIN_MTU, linux/if_ether.h */
#define NAME_ANY "dev%d" /* the kernel puts a free number there: __dev_alloc_name() */

/* Drivers seen to refuse even the administrator's own MAC until the VF was reset. */
static const char *const relearners[] = { "igbvf" };

int sriov_move_needs_relearn(const char *driver)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(relearners); i++)
		if (strcmp(driver, relearners[i]) == 0)
			return 1;
	return 0;
}

/* Makes the driver see the MTU written: the kernel passes only a change on to it. */
static void put_mtu(struct bw_nl_batch *b, const struct bw_link *link, uint32_t mtu)
{
	struct bw_link_set other = { .what = BW_LINK_SET_MTU,
				     .mtu = mtu > MTU_LEAST ? mtu - 1 : mtu + 1 };
	struct bw_link_set back = { .what = BW_LINK_SET_MTU, .mtu = mtu };

	if (link->mtu == mtu)
		bw_link_put_set(b, link->ifindex, link->name, &other);
	bw_link_put_set(b, link->ifindex, link->name, &back);
}

int sriov_move_relearn(struct bw_nl *host, struct bw_link *link, uint32_t mtu, struct bw_err *err)
{
	struct bw_link_set down = { .what = BW_LINK_SET_DOWN };
	struct bw_nl_batch *b = bw_nl_begin(host);

	bw_link_put_set(b, link->ifindex, link->name, &down);
	put_mtu(b, link, mtu);
	bw_link_put_get(b, link->ifindex, link->name, link);
	return bw_nl_talk(host, b, err);
}

/* Which key a refused move is about. */
static int judge(int r, const struct bw_link_set *set, const char *ifname, struct bw_err *err)
{
	char mac[BW_MAC_STR_MAX];

	if (r == -EEXIST)
		return bw_reject(err, BW_ERR_INVALID, EEXIST,
				 "the container has an interface %s already", ifname);
	if (set->what & BW_LINK_SET_MAC &&
	    (r == -EADDRNOTAVAIL || r == -EPERM || r == -EACCES || r == -EOPNOTSUPP)) {
		r = bw_wrap(err, r, "mac: the VF refuses %s", bw_mac_str(&set->mac, mac));
		if (err)
			err->class = BW_ERR_INVALID;
		bw_err_details(err, "\"trust\": \"on\" lets a VF change its MAC");
	} else if (set->what & BW_LINK_SET_MTU && r == -EINVAL) {
		r = bw_wrap(err, r, "mtu: the VF refuses %u", set->mtu);
		if (err)
			err->class = BW_ERR_INVALID;
	}
	return r;
}

int sriov_move_in(struct bw_nl *host, struct sriov_vf *vf, const struct bw_link *link,
		  struct bw_nl *pod, int ns_fd, int up, struct bw_err *err)
{
	const struct sriov_original *o = &vf->original;
	struct bw_link_set set = { .what = BW_LINK_SET_NETNS | BW_LINK_SET_NAME |
					   BW_LINK_SET_ALIAS |
					   (up ? BW_LINK_SET_UP : BW_LINK_SET_DOWN),
				   .ns_fd = ns_fd,
				   .name = o->pod_name,
				   .alias = o->alias,
				   .mac = o->mac,
				   .mtu = o->mtu };
	struct bw_nl_batch *b = bw_nl_begin(host);
	struct bw_link now = { 0 };
	int r;

	if (o->has_mac && !bw_mac_eq(&link->mac, &o->mac))
		set.what |= BW_LINK_SET_MAC;
	if (o->mtu && o->mtu != link->mtu)
		set.what |= BW_LINK_SET_MTU;
	if (sriov_altnames_has(&o->was.altnames, o->pod_name))
		bw_link_put_altname_del(b, link->ifindex, o->pod_name);
	bw_link_put_set(b, link->ifindex, link->name, &set);
	r = bw_nl_talk(host, b, err);
	if (r < 0)
		return judge(r, &set, o->pod_name, err);
	r = bw_link_get(pod, 0, o->pod_name, &now, err);
	if (r < 0)
		return bw_wrap(err, r, "find VF %s in the container", vf->pci);
	vf->ifindex = now.ifindex;
	vf->mac = now.mac;
	vf->mtu = now.mtu;
	return 0;
}

/* Other names that came in the pod may be taken on the host: they would hold the VF back. */
static int drop_altnames(struct sriov_place *place, struct bw_err *err)
{
	bw_autofree struct bw_link_altnames *names = calloc(1, sizeof(*names));
	struct bw_nl_batch *b;
	int r;

	if (!names)
		return bw_fail(err, ENOMEM, "read other names");
	r = bw_link_altnames(place->pod, place->link.ifindex, names, err);
	if (r < 0 || !names->n)
		return r;
	b = bw_nl_begin(place->pod);
	for (unsigned int i = 0; i < names->n; i++)
		bw_link_put_altname_del(b, place->link.ifindex, names->names[i]);
	return bw_nl_talk(place->pod, b, err);
}

/* It takes its name while nobody on the host looks: there it appears under that name alone. */
static int go_home(struct sriov_place *place, const char *name, uint32_t mtu, struct bw_err *err)
{
	struct bw_link_set down = { .what = BW_LINK_SET_DOWN };
	struct bw_link_set rename = { .what = BW_LINK_SET_NAME, .name = name };
	struct bw_link_set move = { .what = BW_LINK_SET_NETNS | BW_LINK_SET_NAME |
					    BW_LINK_SET_ALIAS,
				    .ns_fd = place->ns.self,
				    .name = name,
				    .alias = "" };
	const struct bw_link *link = &place->link;
	struct bw_nl_batch *b = bw_nl_begin(place->pod);

	if (mtu)
		put_mtu(b, link, mtu);
	bw_link_put_set(b, link->ifindex, link->name, &down);
	if (strcmp(link->name, name) != 0 && strcmp(name, NAME_ANY) != 0) {
		bw_link_put_set(b, link->ifindex, link->name, &rename);
		bw_nl_tolerate(b, EEXIST);
	}
	bw_link_put_set(b, link->ifindex, link->name, &move);
	return bw_nl_talk(place->pod, b, err);
}

int sriov_move_home(struct sriov_place *place, const char *name, uint32_t mtu, struct bw_err *err)
{
	int r = go_home(place, name, mtu, err);

	if (r == -EEXIST) {
		r = drop_altnames(place, err);
		if (r == 0)
			r = go_home(place, NAME_ANY, 0, err);
	}
	return r == -ENODEV ? 0 : r;
}

/* What of a netdev is not what it was. */
struct untidy {
	uint8_t name;
	uint8_t mac;
	uint8_t mtu;
	uint8_t alias;
	uint8_t altnames;
	uint8_t up; /* it is up and was not, or the reverse */
};

static int any_altname(const struct bw_link_altnames *a, const struct bw_link_altnames *b)
{
	for (unsigned int i = 0; i < a->n; i++)
		if (!sriov_altnames_has(b, a->names[i]))
			return 1;
	return 0;
}

static struct untidy compare(const struct bw_link *link, const struct bw_link_altnames *names,
			     const struct sriov_state *was)
{
	return (struct untidy){
		.name = strcmp(link->name, was->name) != 0,
		.mac = !bw_mac_eq(&link->mac, &was->mac),
		.mtu = link->mtu != was->mtu,
		.alias = link->alias[0] != '\0',
		.altnames =
			any_altname(names, &was->altnames) || any_altname(&was->altnames, names),
		.up = ((link->flags & IFF_UP) != 0) != (was->up != 0),
	};
}

/* Extra names go first: one of them may be the name that is to come back. */
static void put_names(struct bw_nl_batch *b, const struct bw_link *link,
		      const struct bw_link_altnames *names, const struct sriov_state *was)
{
	struct bw_link_set set = { .what = BW_LINK_SET_NAME, .name = was->name };

	for (unsigned int i = 0; i < names->n; i++)
		if (!sriov_altnames_has(&was->altnames, names->names[i]))
			bw_link_put_altname_del(b, link->ifindex, names->names[i]);
	/* A name that somebody else has by now is no reason to keep the VF from being used. */
	if (strcmp(link->name, was->name) != 0) {
		bw_link_put_set(b, link->ifindex, link->name, &set);
		bw_nl_tolerate(b, EEXIST);
	}
	for (unsigned int i = 0; i < was->altnames.n; i++)
		if (!sriov_altnames_has(names, was->altnames.names[i])) {
			bw_link_put_altname_add(b, link->ifindex, was->altnames.names[i]);
			bw_nl_tolerate(b, EEXIST);
		}
}

/* The MAC; a VF that may not set it learns it from its PF, where it is back by now. */
static int tidy_mac(struct bw_nl *host, struct bw_link *link, const struct sriov_state *was,
		    struct bw_err *err)
{
	struct bw_link_set set = { .what = BW_LINK_SET_MAC, .mac = was->mac };
	char mac[BW_MAC_STR_MAX];
	int r;

	if (sriov_move_needs_relearn(was->driver)) {
		r = sriov_move_relearn(host, link, was->mtu, err);
		if (r < 0 || bw_mac_eq(&link->mac, &was->mac))
			return r;
	}
	r = bw_link_set(host, link->ifindex, link->name, &set, err);
	return r < 0 ? bw_wrap(err, r, "give %s its MAC %s back", was->name,
			       bw_mac_str(&was->mac, mac))
		     : 0;
}

static void keep_first(int r, const struct bw_err *why, int *first, struct bw_err *err)
{
	if (r >= 0 || *first)
		return;
	*first = r;
	if (err)
		*err = *why;
}

static int tidy(struct bw_nl *host, struct bw_link *link, const struct bw_link_altnames *names,
		const struct sriov_state *was, struct bw_err *err)
{
	struct untidy u = compare(link, names, was);
	struct bw_link_set down = { .what = BW_LINK_SET_DOWN };
	struct bw_link_set alias = { .what = BW_LINK_SET_ALIAS, .alias = "" };
	struct bw_link_set mtu = { .what = BW_LINK_SET_MTU, .mtu = was->mtu };
	struct bw_link_set up = { .what = was->up ? BW_LINK_SET_UP : BW_LINK_SET_DOWN };
	int is_up = (link->flags & IFF_UP) != 0;
	struct bw_err why = { 0 };
	struct bw_nl_batch *b = bw_nl_begin(host);
	int first = 0;

	/* Down before a rename (needed up to Linux 6.2) and before the driver's settings. */
	if (is_up && (u.name || u.mac || u.mtu))
		bw_link_put_set(b, link->ifindex, link->name, &down);
	if (u.name || u.altnames)
		put_names(b, link, names, was);
	if (u.alias)
		bw_link_put_set(b, link->ifindex, link->name, &alias);
	if (u.mtu)
		bw_link_put_set(b, link->ifindex, link->name, &mtu);
	bw_link_put_get(b, link->ifindex, link->name, link);
	keep_first(bw_nl_talk(host, b, &why), &why, &first, err);
	if (u.mac && !bw_mac_eq(&link->mac, &was->mac))
		keep_first(tidy_mac(host, link, was, &why), &why, &first, err);
	if (u.up || (is_up && (u.name || u.mac || u.mtu)))
		keep_first(bw_link_set(host, link->ifindex, was->name, &up, &why), &why, &first,
			   err);
	return first;
}

int sriov_move_tidy(struct bw_nl *host, const struct bw_link *link, const struct sriov_state *was,
		    struct bw_err *err)
{
	bw_autofree struct bw_link_altnames *names = calloc(1, sizeof(*names));
	struct bw_link now = *link;
	int r;

	if (!names)
		return bw_fail(err, ENOMEM, "read other names");
	r = bw_link_altnames(host, link->ifindex, names, err);
	return r < 0 ? r : tidy(host, &now, names, was, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A VF's settings on its PF. */
#include <string.h>

#include <bw/err.h>
#include <bw/nl.h>

#include "pfside.h"

#define PHASE_TRY 0 /* writing the present value tells whether the driver has it */
#define PHASE_SET 1
#define PHASE_MAC 2 /* even its present value leaves a mark, so nothing may fail after it */
#define PHASES 3

/* In the order of writing: what is refused most is first. */
static const struct {
	unsigned int bit;
	unsigned int phase;
	uint8_t tries;
	const char *key;
} order[] = {
	{ BW_VF_SET_LINK_STATE, PHASE_SET, 1, "link_state" },
	{ BW_VF_SET_RATE, PHASE_SET, 0, "max_tx_rate" },
	{ BW_VF_SET_VLAN, PHASE_SET, 0, "vlan" },
	{ BW_VF_SET_SPOOFCHK, PHASE_SET, 0, "spoofchk" },
	{ BW_VF_SET_TRUST, PHASE_SET, 0, "trust" },
	{ BW_VF_SET_MAC, PHASE_MAC, 0, "mac" },
};

const char *sriov_pfside_key(unsigned int bit, const struct bw_vf *want)
{
	if (bit == BW_VF_SET_RATE && want->min_tx_rate)
		return "min_tx_rate";
	if (bit == BW_VF_SET_VLAN && want->proto == BW_VF_PROTO_8021AD)
		return "vlanProto";
	for (size_t i = 0; i < BW_ARRAY_SIZE(order); i++)
		if (order[i].bit == bit)
			return order[i].key;
	return "unknown";
}

int sriov_pfside_check(const struct bw_vf *now, const struct bw_vf *want, unsigned int what,
		       struct bw_err *err)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(order); i++)
		if (what & order[i].bit && !(now->has & order[i].bit))
			return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
					 "%s: the PF's driver does not know this setting",
					 sriov_pfside_key(order[i].bit, want));
	return 0;
}

/* The key with its value, where that says more. */
static const char *key_and_value(unsigned int bit, const struct bw_vf *want)
{
	const char *key = sriov_pfside_key(bit, want);

	return strcmp(key, "vlanProto") == 0 ? "vlanProto: 802.1ad" : key;
}

/* What the driver's refusal of a value means to who wrote the configuration. */
static int judge(int r, unsigned int bit, const struct bw_vf *want, struct bw_err *err)
{
	static const struct {
		int errnum;
		enum bw_err_class class;
	} classes[] = {
		{ EOPNOTSUPP, BW_ERR_UNSUPPORTED },
		{ EPROTONOSUPPORT, BW_ERR_UNSUPPORTED },
		{ EINVAL, BW_ERR_INVALID },
		{ ERANGE, BW_ERR_INVALID },
		{ EADDRNOTAVAIL, BW_ERR_INVALID },
		{ EBUSY, BW_ERR_BUSY },
		{ EAGAIN, BW_ERR_BUSY },
	};

	for (size_t i = 0; err && i < BW_ARRAY_SIZE(classes); i++)
		if (classes[i].errnum == -r)
			err->class = classes[i].class;
	/* Bounds were checked: a driver that has a lowest rate takes one below the highest. */
	if (err && r == -EINVAL && bit == BW_VF_SET_RATE && want->min_tx_rate)
		err->class = BW_ERR_UNSUPPORTED;
	(void)bw_wrap(err, r, "%s: refused by the PF's driver", key_and_value(bit, want));
	if (bit == BW_VF_SET_RATE)
		bw_err_details(err, "a rate is bounded by the PF's link speed, and refused by some "
				    "drivers while its link is down");
	return r;
}

/* One phase: a message for each setting, all in one send. */
static int write_phase(struct bw_nl *host, int pf_ifindex, const struct bw_vf *values,
		       const struct bw_vf *want, unsigned int bits, struct bw_err *err)
{
	struct bw_nl_batch *b = bw_nl_begin(host);
	unsigned int sent[BW_ARRAY_SIZE(order)];
	int r;

	if (!bits)
		return 0;
	for (size_t i = 0; i < BW_ARRAY_SIZE(order); i++) {
		if (!(bits & order[i].bit))
			continue;
		sent[b->n] = order[i].bit;
		bw_vf_put_set(b, pf_ifindex, values, order[i].bit);
	}
	r = bw_nl_talk(host, b, err);
	if (r < 0 && b->failed >= 0 && (size_t)b->failed < BW_ARRAY_SIZE(order))
		return judge(r, sent[b->failed], want, err);
	return r;
}

int sriov_pfside_apply(struct bw_nl *host, int pf_ifindex, const struct bw_vf *now,
		       const struct bw_vf *want, unsigned int what, struct bw_err *err)
{
	unsigned int bits[PHASES] = { 0 };
	struct bw_vf values = *want;
	int r = 0;

	what = bw_vf_diff(now, want, what);
	values.index = now->index;
	for (size_t i = 0; i < BW_ARRAY_SIZE(order); i++) {
		bits[order[i].phase] |= what & order[i].bit;
		if (order[i].tries)
			bits[PHASE_TRY] |= what & order[i].bit;
	}
	for (unsigned int p = 0; p < PHASES && r == 0; p++)
		r = write_phase(host, pf_ifindex, p == PHASE_TRY ? now : &values, want, bits[p],
				err);
	return r;
}

int sriov_pfside_revert(struct bw_nl *host, int pf_ifindex, const struct bw_vf *now,
			const struct bw_vf *was, unsigned int what, struct bw_err *err)
{
	struct bw_vf values = *was;

	values.index = now->index;
	return write_phase(host, pf_ifindex, &values, was, bw_vf_diff(now, was, what), err);
}

enum sriov_mac_step sriov_pfside_mac(const struct sriov_original *o, const struct bw_vf *now,
				     int has_netdev)
{
	int rebinds = has_netdev && bw_mac_is_zero(&o->was.pf.mac);

	if (!(o->what & BW_VF_SET_MAC))
		return SRIOV_MAC_KEEP;
	/* With trust the pod may have changed it once more: what counts is that it is not as it
	 * was.
	 */
	if (!bw_mac_eq(&now->mac, &o->was.pf.mac))
		return rebinds ? SRIOV_MAC_WRITE_REBIND : SRIOV_MAC_WRITE;
	return rebinds && o->rebind ? SRIOV_MAC_REBIND : SRIOV_MAC_KEEP;
}

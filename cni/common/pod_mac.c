/* SPDX-License-Identifier: Apache-2.0 */
/* Which MAC a made interface gets. */
#include <sys/random.h>

#include <bw/err.h>
#include <bw/ipam.h>
#include <bw/own.h>
#include <bw/pod.h>

#define MAC_LOCAL 0x02 /* IEEE 802: locally administered */
#define MAC_GROUP 0x01

static int random_mac(struct bw_mac *ret, struct bw_err *err)
{
	struct bw_mac mac;

	if (getrandom(mac.b, sizeof(mac.b), 0) != (ssize_t)sizeof(mac.b))
		return bw_fail(err, errno, "read random bytes for a MAC");
	mac.b[0] = (uint8_t)((mac.b[0] | MAC_LOCAL) & ~MAC_GROUP);
	*ret = mac;
	return 0;
}

int bw_pod_mac_choose(const struct bw_mac *declared, const struct bw_ipam_conf *conf,
		      const struct bw_own *own, struct bw_mac *ret, struct bw_err *err)
{
	const struct bw_mac *given = declared ? declared : bw_ipam_conf_mac(conf);
	const struct bw_ip *ip = own ? bw_own_first(own) : NULL;

	if (!given && !ip)
		return random_mac(ret, err);
	*ret = given ? *given : bw_mac_from_ip(bw_ipam_conf_domain(conf), ip);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of NetworkAddresses: the domain, a dot and the address with dashes. There is one text for
 * each address, so a name is a lock.
 */
#pragma once

#include <bw/ip.h>

#define CTL_DOMAIN_MAX 60 /* characters; conf/crds/networkpool.yaml */
#define CTL_ADDRESS_MAX 40 /* bytes: eight groups of four digits, seven colons, NUL */
#define CTL_NAME_MAX (CTL_DOMAIN_MAX + 1 + CTL_ADDRESS_MAX) /* bytes */

/* The form of names and spec.address: 10.99.2.77, fd00:0099:0000:...:0077; returns @out. */
const char *ctl_address_text(const struct bw_ip *ip, char out[CTL_ADDRESS_MAX]);

/**
 * ctl_address_name() - name of an address's lock
 * @domain: 1 to CTL_DOMAIN_MAX characters
 * @ret: untouched on failure
 *
 * Return: 0; -EINVAL the domain is empty or too long.
 */
int ctl_address_name(const char *domain, const struct bw_ip *ip, char ret[CTL_NAME_MAX]);

/**
 * ctl_address_name_parse() - what a name locks
 * @name: of a NetworkAddress
 * @ret_domain: untouched on failure
 * @ret_ip: untouched on failure
 *
 * Return: 0; -EINVAL it is not the one name of any address.
 */
int ctl_address_name_parse(const char *name, char ret_domain[CTL_DOMAIN_MAX + 1],
			   struct bw_ip *ret_ip);

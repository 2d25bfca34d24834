/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VFs of user space: a driver hands the whole function to a process, there is no interface. What
 * can be set is set on the PF, the rest is the process's.
 */
#include <string.h>

#include "add.h"

/* Source: the drivers DPDK works with, and sriov-cni takes for it. */
static const char *const drivers[] = { "vfio-pci", "uio_pci_generic", "igb_uio" };

int sriov_dpdk_is(const char *driver)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(drivers); i++)
		if (strcmp(driver, drivers[i]) == 0)
			return 1;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Time and the identity of this boot. */
#pragma once

#include <bw/defs.h>

struct bw_err;

#define BW_BOOT_ID_LEN 36

/* Nanoseconds since boot, suspend included (CLOCK_BOOTTIME); never goes back within one boot. */
uint64_t bw_clock_boot_ns(void);

/* Seconds since the epoch (CLOCK_REALTIME); may jump. */
int64_t bw_clock_real_s(void);

/**
 * bw_boot_id() - this boot's identity
 * @ret: filled with 36 characters and a NUL
 *
 * BAREWIRE_BOOT_ID_FILE in the environment names another file than
 * /proc/sys/kernel/random/boot_id: for tests of a reboot.
 * Return: 0; -EPROTO when the file holds no UUID; -errno of reading it.
 */
int bw_boot_id(char ret[BW_BOOT_ID_LEN + 1], struct bw_err *err);

/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-1 (FIPS 180-4), for the handshake of RFC 6455 alone: it protects nothing there. */
#pragma once

#include <bw/defs.h>

#define KUBE_SHA1_SIZE 20

void kube_sha1(const void *data, size_t size, uint8_t ret[KUBE_SHA1_SIZE]);

/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF object inside the program, made by scripts/embed.c at build time. */
#pragma once

extern const char dp_object_start[];
extern const char dp_object_end[];
extern const char dp_object_abi[]; /* 16 hex digits: the hash of all map definitions */

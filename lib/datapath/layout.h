/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of a map as a number: its definition and the BTF of its key and value, member by
 * member. Two maps of one layout hold each other's entries; the layouts of all maps together are
 * the ABI.
 */
#pragma once

#include <bw/defs.h>

struct bpf_map;
struct btf;

/* What a map is, whether it comes from an object file or from the kernel. */
struct dp_layout {
	const char *name;
	uint32_t type;
	uint32_t key_size;
	uint32_t value_size;
	uint32_t max_entries;
	uint32_t flags;
	uint32_t key_type; /* BTF type id, 0 = none */
	uint32_t value_type;
};

/**
 * dp_layout_hash() - one number for a map's whole definition
 * @l: definition
 * @btf: the type ids' BTF, borrowed; may be NULL when both ids are 0
 *
 * Return: the hash, never 0.
 */
uint64_t dp_layout_hash(const struct dp_layout *l, const struct btf *btf);

/* The same of a map of an object file, whose BTF is @btf. */
uint64_t dp_layout_of_map(const struct bpf_map *map, const struct btf *btf);

/* The same of a key alone: entries of two maps can be copied when these agree. */
uint64_t dp_layout_key_hash(const struct dp_layout *l, const struct btf *btf);

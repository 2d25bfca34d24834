/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of map definitions over BTF; used by the build for the ABI and at run time for sharing. */
#include <linux/btf.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <bw/ip.h>

#include "layout.h"

#define LAYOUT_DEPTH_MAX 16

static uint64_t mix_u32(uint64_t h, uint32_t v)
{
	return bw_fnv64(h, &v, sizeof(v));
}

static uint64_t mix_str(uint64_t h, const char *s)
{
	return s ? bw_fnv64(h, s, strlen(s) + 1) : mix_u32(h, 0);
}

static uint64_t hash_type(uint64_t h, const struct btf *btf, uint32_t id, unsigned int depth);

/* Bit offset of a member and its width when it is a bit field. */
static uint64_t hash_members(uint64_t h, const struct btf *btf, const struct btf_type *t,
			     unsigned int depth)
{
	const struct btf_member *m = btf_members(t);

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		h = mix_str(h, btf__name_by_offset(btf, m[i].name_off));
		h = mix_u32(h, btf_member_bit_offset(t, i));
		h = mix_u32(h, btf_member_bitfield_size(t, i));
		h = hash_type(h, btf, m[i].type, depth);
	}
	return h;
}

/* Typedefs and qualifiers change no byte: they are looked through. */
static uint64_t hash_type(uint64_t h, const struct btf *btf, uint32_t id, unsigned int depth)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(btf, t->type);
	if (!t || depth == LAYOUT_DEPTH_MAX)
		return mix_u32(h, 0);
	h = mix_u32(h, btf_kind(t));
	if (btf_is_composite(t)) {
		h = mix_u32(h, t->size);
		return hash_members(h, btf, t, depth + 1);
	}
	if (btf_is_array(t)) {
		h = mix_u32(h, btf_array(t)->nelems);
		return hash_type(h, btf, btf_array(t)->type, depth + 1);
	}
	if (btf_is_int(t))
		return mix_u32(mix_u32(h, t->size), btf_int_encoding(t));
	return btf_is_ptr(t) ? h : mix_u32(h, t->size);
}

uint64_t dp_layout_hash(const struct dp_layout *l, const struct btf *btf)
{
	uint64_t h = mix_str(BW_FNV64_BASIS, l->name);

	h = mix_u32(mix_u32(h, l->type), l->flags);
	h = mix_u32(mix_u32(h, l->key_size), l->value_size);
	h = mix_u32(h, l->max_entries);
	if (l->key_type)
		h = hash_type(h, btf, l->key_type, 0);
	if (l->value_type)
		h = hash_type(h, btf, l->value_type, 0);
	return h ? h : 1;
}

uint64_t dp_layout_of_map(const struct bpf_map *map, const struct btf *btf)
{
	const struct dp_layout l = {
		.name = bpf_map__name(map),
		.type = bpf_map__type(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.max_entries = bpf_map__max_entries(map),
		.flags = bpf_map__map_flags(map),
		.key_type = bpf_map__btf_key_type_id(map),
		.value_type = bpf_map__btf_value_type_id(map),
	};

	return dp_layout_hash(&l, btf);
}

uint64_t dp_layout_key_hash(const struct dp_layout *l, const struct btf *btf)
{
	uint64_t h = mix_u32(BW_FNV64_BASIS, l->key_size);

	if (l->key_type)
		h = hash_type(h, btf, l->key_type, 0);
	return h ? h : 1;
}

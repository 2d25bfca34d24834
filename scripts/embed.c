/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A build tool: reads the BPF object and prints the assembler source that embeds it together with
 * its ABI, the hash of all map definitions in the order of their names.
 */
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <bw/ip.h>

#include "layout.h"
#include "port_abi.h"

#define MAPS_MAX 64

static int by_name(const void *a, const void *b)
{
	return strcmp(bpf_map__name(*(struct bpf_map *const *)a),
		      bpf_map__name(*(struct bpf_map *const *)b));
}

static uint64_t object_hash(const struct bpf_object *obj)
{
	const uint32_t port[] = { DP_PORT_VERSION, sizeof(struct dp_port) };
	uint64_t h = bw_fnv64(BW_FNV64_BASIS, port, sizeof(port));
	struct bpf_map *maps[MAPS_MAX];
	struct bpf_map *map = NULL;
	size_t n = 0;

	bpf_object__for_each_map(map, obj) if (!bpf_map__is_internal(map) && n < MAPS_MAX)
		maps[n++] = map;
	qsort(maps, n, sizeof(struct bpf_map *), by_name);
	for (size_t i = 0; i < n; i++) {
		uint64_t m = dp_layout_of_map(maps[i], bpf_object__btf(obj));

		h = bw_fnv64(h, &m, sizeof(m));
	}
	return h;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: embed OBJECT >SOURCE\n");
		return 2;
	}
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj) {
		(void)fprintf(stderr, "embed: cannot read %s\n", argv[1]);
		return 1;
	}
	(void)printf("\t.section .rodata\n"
		     "\t.balign 16\n"
		     "\t.globl dp_object_start, dp_object_end, dp_object_abi\n"
		     "dp_object_start:\n"
		     "\t.incbin \"%s\"\n"
		     "dp_object_end:\n"
		     "dp_object_abi:\n"
		     "\t.asciz \"%016llx\"\n"
		     "\t.section .note.GNU-stack,\"\",@progbits\n",
		     argv[1], (unsigned long long)object_hash(obj));
	bpf_object__close(obj);
	return fflush(stdout) ? 1 : 0;
}

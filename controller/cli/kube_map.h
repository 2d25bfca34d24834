/* SPDX-License-Identifier: Apache-2.0 */
/* A picture of a pool for people. No I/O but to the stream that is given. */
#pragma once

#include <stdio.h>

#include <bw/view_map.h>

/* Prints the first @n free addresses; one cell an address. */
void cli_map_first_free(const struct bw_map *m, uint64_t n, FILE *to);

void cli_map_text(const struct bw_map *m, const char *name, FILE *to);
void cli_map_svg(const struct bw_map *m, const char *name, FILE *to);

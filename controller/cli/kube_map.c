/* SPDX-License-Identifier: Apache-2.0 */
/* A pool as a picture, for a terminal and as SVG. */
#include <assert.h>

#include "kube_map.h"

#define ROW 64 /* cells a line */
#define CELL 10 /* SVG units */
#define GAP 2
#define LEFT 10
#define TOP 40

static const struct look {
	char glyph;
	const char *colour;
} looks[] = {
	[BW_MAP_FREE] = { '.', "#e6e9ed" },        [BW_MAP_EXCLUDED] = { ' ', "#ffffff" },
	[BW_MAP_RESERVED] = { 'r', "#9b8fd6" },    [BW_MAP_RETAINED] = { '=', "#5aa9a4" },
	[BW_MAP_COOLING] = { '~', "#7fb4e8" },     [BW_MAP_BOUND] = { '#', "#2f6db3" },
	[BW_MAP_QUARANTINED] = { '!', "#d0453b" },
};
static_assert(BW_ARRAY_SIZE(looks) == BW_MAP_MAX_, "a state without a look");

/* What follows prints: nobody reads what cannot be printed, ignoring. */

void cli_map_first_free(const struct bw_map *m, uint64_t n, FILE *to)
{
	char s[BW_IP_STR_MAX];

	for (size_t i = 0; i < m->n_cells && n; i++) {
		struct bw_ip ip = bw_map_address(m, i);

		if (m->cells[i] != BW_MAP_FREE)
			continue;
		(void)fprintf(to, "%s\n", bw_ip_str(&ip, s));
		n--;
	}
}

static void legend(const struct bw_map *m, FILE *to)
{
	for (int i = 0; i < BW_MAP_MAX_; i++) {
		uint64_t n = i == BW_MAP_FREE ? m->total - bw_map_taken(m) : m->counts[i];

		(void)fprintf(to, "%s'%c' %s %llu", i ? "   " : "", looks[i].glyph,
			      bw_map_state_str(i), (unsigned long long)n);
	}
	(void)fprintf(to, "   out of range %llu\n", (unsigned long long)m->out_of_range);
}

void cli_map_text(const struct bw_map *m, const char *name, FILE *to)
{
	char s[BW_IP_STR_MAX];

	(void)fprintf(to, "pool %s: %llu addresses, %llu a character\n", name,
		      (unsigned long long)m->total, (unsigned long long)m->per_cell);
	for (size_t i = 0; i < m->n_cells; i++) {
		if (i % ROW == 0) {
			struct bw_ip ip = bw_map_address(m, i * m->per_cell);

			(void)fprintf(to, "%-39s ", bw_ip_str(&ip, s));
		}
		(void)fputc(looks[m->cells[i]].glyph, to);
		if (i % ROW == ROW - 1 || i + 1 == m->n_cells)
			(void)fputc('\n', to);
	}
	legend(m, to);
}

void cli_map_svg(const struct bw_map *m, const char *name, FILE *to)
{
	size_t rows = m->n_cells / ROW + (m->n_cells % ROW != 0);
	char s[BW_IP_STR_MAX];

	(void)fprintf(to,
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%zu\" "
		      "font-family=\"sans-serif\" font-size=\"13\">\n"
		      "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
		      "<text x=\"%d\" y=\"24\">pool %s: %llu addresses, %llu a cell</text>\n",
		      2 * LEFT + ROW * (CELL + GAP), TOP + rows * (CELL + GAP) + 40, LEFT, name,
		      (unsigned long long)m->total, (unsigned long long)m->per_cell);
	for (size_t i = 0; i < m->n_cells; i++) {
		struct bw_ip ip = bw_map_address(m, i * m->per_cell);
		const struct look *l = &looks[m->cells[i]];

		(void)fprintf(to,
			      "<rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" rx=\"2\" "
			      "fill=\"%s\" stroke=\"#c3c8ce\" stroke-width=\"0.5\">"
			      "<title>%s %s</title></rect>\n",
			      LEFT + i % ROW * (CELL + GAP), TOP + i / ROW * (CELL + GAP), CELL,
			      CELL, l->colour, bw_ip_str(&ip, s), bw_map_state_str(m->cells[i]));
	}
	for (int i = 0; i < BW_MAP_MAX_; i++)
		(void)fprintf(to,
			      "<rect x=\"%d\" y=\"%zu\" width=\"%d\" height=\"%d\" fill=\"%s\" "
			      "stroke=\"#c3c8ce\"/><text x=\"%d\" y=\"%zu\">%s</text>\n",
			      LEFT + i * 108, TOP + rows * (CELL + GAP) + 14, CELL, CELL,
			      looks[i].colour, LEFT + i * 108 + CELL + 4,
			      TOP + rows * (CELL + GAP) + 24, bw_map_state_str(i));
	(void)fprintf(to, "</svg>\n");
}

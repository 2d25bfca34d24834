/* SPDX-License-Identifier: Apache-2.0 */
/* A pool as a picture, for a terminal and as SVG. */
#include <assert.h>
#include <string.h>

#include <bw/err.h>

#include "kube_map.h"

#define ROW 64 /* cells a line */
#define CELL 10 /* SVG units */
#define GAP 2
#define LEFT 10
#define TOP 40

static const struct look {
	const char *name;
	char glyph;
	const char *colour;
} looks[] = {
	[CLI_MAP_FREE] = { "free", '.', "#e6e9ed" },
	[CLI_MAP_EXCLUDED] = { "excluded", ' ', "#ffffff" },
	[CLI_MAP_RESERVED] = { "reserved", 'r', "#9b8fd6" },
	[CLI_MAP_RETAINED] = { "retained", '=', "#5aa9a4" },
	[CLI_MAP_COOLING] = { "cooling", '~', "#7fb4e8" },
	[CLI_MAP_BOUND] = { "bound", '#', "#2f6db3" },
	[CLI_MAP_QUARANTINED] = { "quarantined", '!', "#d0453b" },
};
static_assert(BW_ARRAY_SIZE(looks) == CLI_MAP_MAX_, "a state without a look");

/* Addresses of an interval; UINT64_MAX when more. */
static uint64_t length(const struct bw_interval *iv)
{
	uint64_t n = bw_ip_distance(&iv->first, &iv->last);

	return n == UINT64_MAX ? n : n + 1;
}

int cli_map_add(struct cli_map *m, const struct bw_interval *iv, struct bw_err *err)
{
	uint64_t n = length(iv);

	if (m->n_ranges == CLI_MAP_RANGES_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG, "more than %d ranges",
				 CLI_MAP_RANGES_MAX);
	m->ranges[m->n_ranges++] = *iv;
	m->total = n > UINT64_MAX - m->total ? UINT64_MAX : m->total + n;
	return 0;
}

int cli_map_alloc(struct cli_map *m, struct bw_err *err)
{
	m->per_cell = m->total / CLI_MAP_CELLS_MAX + (m->total % CLI_MAP_CELLS_MAX != 0);
	if (!m->per_cell)
		m->per_cell = 1;
	m->n_cells = (size_t)(m->total / m->per_cell + (m->total % m->per_cell != 0));
	m->cells = calloc(m->n_cells + 1, 1);
	return m->cells ? 0 : bw_fail(err, ENOMEM, "draw a pool");
}

void cli_map_done(struct cli_map *m)
{
	free(m->cells);
	memset(m, 0, sizeof(*m));
}

static const struct bw_ip *later(const struct bw_ip *a, const struct bw_ip *b)
{
	return bw_ip_cmp(a, b) > 0 ? a : b;
}

static const struct bw_ip *earlier(const struct bw_ip *a, const struct bw_ip *b)
{
	return bw_ip_cmp(a, b) < 0 ? a : b;
}

static void mark_cells(struct cli_map *m, uint64_t from, uint64_t to, enum cli_map_state state)
{
	for (uint64_t c = from / m->per_cell; c <= to / m->per_cell && c < m->n_cells; c++)
		if (m->cells[c] < state)
			m->cells[c] = (uint8_t)state;
}

void cli_map_mark(struct cli_map *m, const struct bw_ip *first, const struct bw_ip *last,
		  enum cli_map_state state, int mine)
{
	uint64_t before = 0;
	int hit = 0;

	for (size_t i = 0; i < m->n_ranges; i++) {
		const struct bw_interval *r = &m->ranges[i];
		struct bw_interval in;
		uint64_t from, n;

		if (first->family == r->first.family) {
			in.first = *later(first, &r->first);
			in.last = *earlier(last, &r->last);
			if (bw_ip_cmp(&in.first, &in.last) <= 0) {
				from = before + bw_ip_distance(&r->first, &in.first);
				n = length(&in);
				mark_cells(m, from, from + n - 1, state);
				m->counts[state] += n;
				hit = 1;
			}
		}
		before += length(r);
	}
	m->out_of_range += !hit && mine;
}

uint64_t cli_map_taken(const struct cli_map *m)
{
	uint64_t n = 0;

	if (m->per_cell == 1) {
		for (size_t i = 0; i < m->n_cells; i++)
			n += m->cells[i] != CLI_MAP_FREE;
		return n;
	}
	for (int i = CLI_MAP_FREE + 1; i < CLI_MAP_MAX_; i++)
		n += m->counts[i];
	return n < m->total ? n : m->total;
}

/* The address of a cell's first. */
static struct bw_ip address_of(const struct cli_map *m, uint64_t n)
{
	struct bw_ip ip = { 0 };

	for (size_t i = 0; i < m->n_ranges; i++) {
		uint64_t len = length(&m->ranges[i]);

		ip = m->ranges[i].first;
		if (n < len) {
			/* within the range, ignoring */
			(void)bw_ip_add(&ip, (int64_t)n);
			return ip;
		}
		n -= len;
	}
	return ip;
}

/* What follows prints: nobody reads what cannot be printed, ignoring. */

void cli_map_first_free(const struct cli_map *m, uint64_t n, FILE *to)
{
	char s[BW_IP_STR_MAX];

	for (size_t i = 0; i < m->n_cells && n; i++) {
		struct bw_ip ip = address_of(m, i);

		if (m->cells[i] != CLI_MAP_FREE)
			continue;
		(void)fprintf(to, "%s\n", bw_ip_str(&ip, s));
		n--;
	}
}

static void legend(const struct cli_map *m, FILE *to)
{
	for (int i = 0; i < CLI_MAP_MAX_; i++) {
		uint64_t n = i == CLI_MAP_FREE ? m->total - cli_map_taken(m) : m->counts[i];

		(void)fprintf(to, "%s'%c' %s %llu", i ? "   " : "", looks[i].glyph, looks[i].name,
			      (unsigned long long)n);
	}
	(void)fprintf(to, "   out of range %llu\n", (unsigned long long)m->out_of_range);
}

void cli_map_text(const struct cli_map *m, const char *name, FILE *to)
{
	char s[BW_IP_STR_MAX];

	(void)fprintf(to, "pool %s: %llu addresses, %llu a character\n", name,
		      (unsigned long long)m->total, (unsigned long long)m->per_cell);
	for (size_t i = 0; i < m->n_cells; i++) {
		if (i % ROW == 0) {
			struct bw_ip ip = address_of(m, i * m->per_cell);

			(void)fprintf(to, "%-39s ", bw_ip_str(&ip, s));
		}
		(void)fputc(looks[m->cells[i]].glyph, to);
		if (i % ROW == ROW - 1 || i + 1 == m->n_cells)
			(void)fputc('\n', to);
	}
	legend(m, to);
}

void cli_map_svg(const struct cli_map *m, const char *name, FILE *to)
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
		struct bw_ip ip = address_of(m, i * m->per_cell);
		const struct look *l = &looks[m->cells[i]];

		(void)fprintf(to,
			      "<rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" rx=\"2\" "
			      "fill=\"%s\" stroke=\"#c3c8ce\" stroke-width=\"0.5\">"
			      "<title>%s %s</title></rect>\n",
			      LEFT + i % ROW * (CELL + GAP), TOP + i / ROW * (CELL + GAP), CELL,
			      CELL, l->colour, bw_ip_str(&ip, s), l->name);
	}
	for (int i = 0; i < CLI_MAP_MAX_; i++)
		(void)fprintf(to,
			      "<rect x=\"%d\" y=\"%zu\" width=\"%d\" height=\"%d\" fill=\"%s\" "
			      "stroke=\"#c3c8ce\"/><text x=\"%d\" y=\"%zu\">%s</text>\n",
			      LEFT + i * 108, TOP + rows * (CELL + GAP) + 14, CELL, CELL,
			      looks[i].colour, LEFT + i * 108 + CELL + 4,
			      TOP + rows * (CELL + GAP) + 24, looks[i].name);
	(void)fprintf(to, "</svg>\n");
}

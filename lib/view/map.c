/* SPDX-License-Identifier: Apache-2.0 */
/* A pool as cells: what every address of it is. */
#include <assert.h>
#include <string.h>

#include <bw/err.h>
#include <bw/view_map.h>

static const char *const names[] = {
	[BW_MAP_FREE] = "free",
	[BW_MAP_EXCLUDED] = "excluded",
	[BW_MAP_RESERVED] = "reserved",
	[BW_MAP_RETAINED] = "retained",
	[BW_MAP_COOLING] = "cooling",
	[BW_MAP_BOUND] = "bound",
	[BW_MAP_QUARANTINED] = "quarantined",
};
static_assert(BW_ARRAY_SIZE(names) == BW_MAP_MAX_, "a state without a name");

const char *bw_map_state_str(enum bw_map_state state)
{
	return (unsigned int)state < BW_MAP_MAX_ ? names[state] : "unknown";
}

/* Addresses of an interval; UINT64_MAX when more. */
static uint64_t length(const struct bw_interval *iv)
{
	uint64_t n = bw_ip_distance(&iv->first, &iv->last);

	return n == UINT64_MAX ? n : n + 1;
}

int bw_map_add(struct bw_map *m, const struct bw_interval *iv, struct bw_err *err)
{
	uint64_t n = length(iv);

	if (m->n_ranges == BW_MAP_RANGES_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG, "more than %d ranges",
				 BW_MAP_RANGES_MAX);
	m->ranges[m->n_ranges++] = *iv;
	m->total = n > UINT64_MAX - m->total ? UINT64_MAX : m->total + n;
	return 0;
}

int bw_map_alloc(struct bw_map *m, size_t cells, struct bw_err *err)
{
	m->per_cell = m->total / cells + (m->total % cells != 0);
	if (!m->per_cell)
		m->per_cell = 1;
	m->n_cells = (size_t)(m->total / m->per_cell + (m->total % m->per_cell != 0));
	m->cells = calloc(m->n_cells ? m->n_cells : 1, 1);
	return m->cells ? 0 : bw_fail(err, ENOMEM, "draw a pool");
}

void bw_map_done(struct bw_map *m)
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

static void mark_cells(struct bw_map *m, uint64_t from, uint64_t to, enum bw_map_state state)
{
	for (uint64_t c = from / m->per_cell; c <= to / m->per_cell && c < m->n_cells; c++)
		if (m->cells[c] < state)
			m->cells[c] = (uint8_t)state;
}

void bw_map_mark(struct bw_map *m, const struct bw_ip *first, const struct bw_ip *last,
		 enum bw_map_state state, int mine)
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

uint64_t bw_map_taken(const struct bw_map *m)
{
	uint64_t n = 0;

	if (m->per_cell == 1) {
		for (size_t i = 0; i < m->n_cells; i++)
			n += m->cells[i] != BW_MAP_FREE;
		return n;
	}
	for (int i = BW_MAP_FREE + 1; i < BW_MAP_MAX_; i++)
		n += m->counts[i];
	return n < m->total ? n : m->total;
}

struct bw_ip bw_map_address(const struct bw_map *m, uint64_t n)
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

/* FROM OBJECTS */

static enum bw_map_state state_of(enum bw_net_address_state state)
{
	switch (state) {
	case BW_NET_ADDRESS_STATE_RETAINED:
		return BW_MAP_RETAINED;
	case BW_NET_ADDRESS_STATE_COOLING:
		return BW_MAP_COOLING;
	case BW_NET_ADDRESS_STATE_QUARANTINED:
		return BW_MAP_QUARANTINED;
	case BW_NET_ADDRESS_STATE_NONE:
	case BW_NET_ADDRESS_STATE_BOUND:
	case BW_NET_ADDRESS_STATE_MAX_:
		break;
	}
	return BW_MAP_BOUND;
}

int bw_map_begin(struct bw_map *m, const struct bw_net_pool *p, size_t cells, struct bw_err *err)
{
	struct bw_interval iv;
	int r = 0;

	for (size_t i = 0; i < p->spec.ranges.n && r == 0; i++)
		r = bw_interval_parse(p->spec.ranges.items[i], &iv) == 0
			    ? bw_map_add(m, &iv, err)
			    : bw_reject(err, BW_ERR_INVALID, EINVAL, "ranges[%zu]: \"%.64s\"", i,
					p->spec.ranges.items[i]);
	if (r == 0)
		r = bw_map_alloc(m, cells, err);
	for (size_t i = 0; i < p->spec.excludes.n && r == 0; i++)
		if (bw_interval_parse(p->spec.excludes.items[i], &iv) == 0)
			bw_map_mark(m, &iv.first, &iv.last, BW_MAP_EXCLUDED, 0);
	return r;
}

void bw_map_put_reservation(struct bw_map *m, const struct bw_net_pool *p,
			    const struct bw_net_reservation *v)
{
	struct bw_interval iv;

	for (size_t i = 0; i < v->spec.addresses.n; i++)
		if (strcmp(v->spec.domain, p->spec.domain) == 0 &&
		    bw_interval_parse(v->spec.addresses.items[i], &iv) == 0)
			bw_map_mark(m, &iv.first, &iv.last, BW_MAP_RESERVED, 0);
}

void bw_map_put(struct bw_map *m, const struct bw_net_pool *p, const struct bw_ip *ip,
		const char *pool, enum bw_net_address_state state)
{
	bw_map_mark(m, ip, ip, state_of(state), strcmp(pool, p->meta.name) == 0);
}

void bw_map_put_address(struct bw_map *m, const struct bw_net_pool *p,
			const struct bw_net_address *a)
{
	struct bw_ip ip;

	if (strcmp(a->spec.domain, p->spec.domain) == 0 && bw_ip_parse(a->spec.address, &ip) == 0)
		bw_map_put(m, p, &ip, a->spec.pool, a->spec.state);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Range sets from text, one range or hole a line, and picks from what is left: whatever the text,
 * a pick is inside a range and outside every hole, and the intervals are disjoint.
 *
 *     subnet rangeStart rangeEnd gateway      "-" = by default
 *     !hole
 */
#include <assert.h>
#include <string.h>

#include <bw/alloc.h>
#include <bw/err.h>
#include <bw/range.h>

#define RANGES 16
#define HOLES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	struct bw_range_set set;
	struct bw_interval holes[HOLES];
	size_t n_holes;
};

static void read_line(struct input *in, char *line)
{
	struct bw_range r = { 0 };
	struct bw_err err = { 0 };
	struct bw_ip *ends[] = { &r.first, &r.last, &r.gateway };
	char *save = NULL;
	char *word;

	if (line[0] == '!') {
		if (in->n_holes < HOLES &&
		    bw_interval_parse(line + 1, &in->holes[in->n_holes]) == 0)
			in->n_holes++;
		return;
	}
	word = strtok_r(line, " ", &save);
	if (!word || in->set.n == RANGES || bw_prefix_parse(word, &r.subnet) < 0)
		return;
	for (size_t i = 0; i < 3; i++) {
		word = strtok_r(NULL, " ", &save);
		if (word && strcmp(word, "-") != 0 && bw_ip_parse(word, ends[i]) < 0)
			return;
	}
	if (bw_range_complete(&r, "r", &err) < 0) {
		assert(err.class == BW_ERR_INVALID && strncmp(err.msg, "r.", 2) == 0);
		return;
	}
	assert(bw_prefix_contains(&r.subnet, &r.first) && bw_prefix_contains(&r.subnet, &r.last));
	in->set.ranges[in->set.n++] = r;
}

/* Every hole is used as well: runs and holes mix. */
static int hole_run(void *arg, const struct bw_ip *ip, struct bw_ip *ret_first,
		    struct bw_ip *ret_last, struct bw_err *err)
{
	const struct input *in = arg;

	(void)err;
	for (size_t i = 0; i < in->n_holes; i += 2) {
		struct bw_interval run = in->holes[i];
		int grown = 1;

		if (!bw_interval_has(&run, ip))
			continue;
		/* Maximal, as the journal's runs are. */
		while (grown) {
			grown = 0;
			for (size_t k = 0; k < in->n_holes; k += 2) {
				struct bw_ip next = run.last;
				struct bw_ip before = run.first;

				if (bw_ip_add(&next, 1) == 0 &&
				    bw_interval_has(&in->holes[k], &next)) {
					run.last = in->holes[k].last;
					grown = 1;
				}
				if (bw_ip_add(&before, -1) == 0 &&
				    bw_interval_has(&in->holes[k], &before)) {
					run.first = in->holes[k].first;
					grown = 1;
				}
			}
		}
		*ret_first = run.first;
		*ret_last = run.last;
		return 1;
	}
	return 0;
}

static void check_pick(const struct input *in, const struct bw_ip *ip)
{
	assert(bw_range_set_find(&in->set, ip));
	assert(!bw_range_set_is_gateway(&in->set, ip));
	for (size_t i = 0; i < in->n_holes; i++)
		assert(!bw_interval_has(&in->holes[i], ip));
}

static void check_intervals(const struct bw_range_set *set)
{
	for (size_t i = 0; i < set->n_free; i++) {
		assert(bw_ip_cmp(&set->sorted[i].first, &set->sorted[i].last) <= 0);
		assert(!i || bw_ip_cmp(&set->sorted[i - 1].last, &set->sorted[i].first) < 0);
		assert(bw_range_set_find(set, &set->free[i].first) ==
		       &set->ranges[set->range_of[i]]);
	}
}

static void pick_all(struct input *in)
{
	for (int s = 0; s < BW_ALLOC_MAX_; s++) {
		struct bw_alloc a = { .set = &in->set,
				      .strategy = (enum bw_alloc_strategy)s,
				      .seed = { 0x5a, 0xa5, 1, 2, 3, 4, 5, 6, 7, 8, 9 },
				      .run = hole_run,
				      .arg = in };
		struct bw_err err = { 0 };
		struct bw_ip ip;

		if (in->n_holes)
			a.cursor = in->holes[0].first;
		if (bw_alloc_pick(&a, &ip, &err) == 0)
			check_pick(in, &ip);
		else
			assert(err.class == BW_ERR_BUSY && in->set.n_free <= in->n_holes + RANGES);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bw_autofree char *text = strndup((const char *)data, size);
	struct input in = { .set = { .ranges = calloc(RANGES, sizeof(struct bw_range)) } };
	struct bw_err err = { 0 };
	char *save = NULL;

	assert(text && in.set.ranges);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		read_line(&in, line);
	if (in.set.n && bw_range_set_check(&in.set, "s", &err) == 0) {
		assert(bw_range_set_build(&in.set, in.holes, in.n_holes, &err) == 0);
		check_intervals(&in.set);
		pick_all(&in);
	}
	bw_range_set_done(&in.set);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A fresh bed under a leader for each test of a file. Include it once in a program. */
#pragma once

#include "bed.h"

static struct bed story_bed;
static struct bed *const b = &story_bed;

static int story_set_up(void **state)
{
	(void)state;
	bed_init(b);
	ctl_ipam_lead(b->ipam, 1);
	bed_run(b, 1000);
	return 0;
}

static int story_tear_down(void **state)
{
	(void)state;
	bed_done(b);
	return 0;
}

#define STORY(fn) cmocka_unit_test_setup_teardown(fn, story_set_up, story_tear_down)

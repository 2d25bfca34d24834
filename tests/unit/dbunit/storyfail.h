/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of a story's Unit while memory runs out. Include it once in a program. */
#pragma once

#include "story.h"

#include "failalloc.h"

/*
 * Plans the Unit r again and again, one allocation further each time, until none fails: that plan
 * is
 * @want, and took more than @min. @look sees each plan that was made; NULL = nobody looks.
 */
static inline void story_fail_allocations(const char *want, long min,
					  void (*look)(const char *plan))
{
	long n = 0;
	int failed;

	do {
		char *got;
		int r;

		fail_alloc_start(n++);
		got = story_plan(&r);
		failed = fail_alloc_stop();
		/* A part that could not be read is not there; the pass that follows has it. */
		if (r == 0 && !failed)
			assert_string_equal(got, want);
		if (r == 0 && got && look)
			look(got);
		free(got);
	} while (failed);
	assert_true(n > min || !FAIL_ALLOC_WORKS);
}

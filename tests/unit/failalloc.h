/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation failure by injection: the test program's own malloc family counts while armed and
 * fails once. Include it in exactly one file of a program. Under the sanitizers, whose allocator
 * cannot be replaced, nothing is injected and the loops run once.
 *
 *     fail_alloc_everywhere(call);
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define FAIL_ALLOC_WORKS 0
#else
#define FAIL_ALLOC_WORKS 1
#endif

/* Counts down from the number of allocations that may succeed; -1 = not armed; -2 = has failed. */
static long fail_alloc_left = -1;

static inline void fail_alloc_start(long after)
{
	fail_alloc_left = after;
}

/* Disarms; whether an allocation failed since fail_alloc_start(). */
static inline int fail_alloc_stop(void)
{
	int failed = fail_alloc_left == -2;

	fail_alloc_left = -1;
	return failed;
}

#if FAIL_ALLOC_WORKS

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static inline int fail_alloc_now(void)
{
	if (fail_alloc_left < 0)
		return 0;
	if (fail_alloc_left-- > 0)
		return 0;
	fail_alloc_left = -2;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fail_alloc_now() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fail_alloc_now() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fail_alloc_now() ? NULL : __libc_realloc(p, size);
}

#endif

/* call() fails with -ENOMEM whichever of its allocations fails, and not when none does. */
__attribute__((unused)) static void fail_alloc_everywhere(int (*call)(void))
{
	long n = 0;
	int failed;

	do {
		int r;

		fail_alloc_start(n++);
		r = call();
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
	} while (failed);
}

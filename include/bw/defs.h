/* SPDX-License-Identifier: Apache-2.0 */
/* Small macros every file may use: ownership attributes, takes, sizes. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define BW_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define BW_CLEANUP(fn) __attribute__((cleanup(fn)))
#define BW_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Frees a heap pointer when the variable leaves its scope; errno is kept. */
static inline void bw_autofree_fn(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

/* Closes a descriptor >= 0 when the variable leaves its scope; errno is kept. */
static inline void bw_autoclose_fn(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing to do about a failed close, ignoring */
	errno = saved;
}

#define bw_autofree BW_CLEANUP(bw_autofree_fn)
#define bw_autoclose BW_CLEANUP(bw_autoclose_fn)

/* Hands an owned pointer or descriptor on; the variable no longer owns it. */
#define BW_TAKE_PTR(p)                                                                             \
	__extension__({                                                                            \
		__typeof__(p) bw_taken_ = (p);                                                     \
		(p) = NULL;                                                                        \
		bw_taken_;                                                                         \
	})
#define BW_TAKE_FD(fd)                                                                             \
	__extension__({                                                                            \
		int bw_taken_ = (fd);                                                              \
		(fd) = -1;                                                                         \
		bw_taken_;                                                                         \
	})

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of the long-running programs: descriptors, timers, deferred calls and signals on
 * one thread. Time comes from the loop and from nowhere else, so that a simulation owns it.
 *
 * I1 Callbacks run one at a time, never inside each other: what a callback starts, it sees later.
 * I2 On a virtual clock nothing ever waits: time jumps to the next timer, and equal inputs give
 *    equal runs.
 */
#pragma once

#include <bw/defs.h>
#include <bw/list.h>

struct bw_err;
struct bw_loop;

typedef void (*bw_loop_fn)(void *arg);

/* A timer lives in its owner; zeroed and initialised it is idle. It fires once when set. */
struct bw_timer {
	struct bw_loop *loop;
	bw_loop_fn fn;
	void *arg;
	int64_t at_ns;
	uint64_t seq; /* equal times fire in the order they were set */
	size_t heap; /* place in the loop's heap + 1; 0 = idle */
};

/* A call that runs as soon as the present callback has returned. */
struct bw_defer {
	struct bw_list node;
	struct bw_loop *loop;
	bw_loop_fn fn;
	void *arg;
};

/* A descriptor of the loop; events as of epoll(7). The descriptor stays its owner's. */
struct bw_loop_fd {
	struct bw_list node;
	struct bw_loop *loop; /* NULL = not added */
	int fd;
	uint32_t events; /* asked for; EPOLLERR and EPOLLHUP come unasked */
	void (*fn)(uint32_t events, void *arg);
	void *arg;
};

/**
 * bw_loop_new() - a loop on the kernel's clocks
 * @ret: owned by the caller
 *
 * Return: 0; -ENOMEM; -EMFILE and what else epoll_create1(2) says.
 */
int bw_loop_new(struct bw_loop **ret, struct bw_err *err);

/**
 * bw_loop_new_virtual() - a loop on a clock of its own, without descriptors
 * @start_ns: what bw_loop_now_ns() begins with
 * @start_real_s: what bw_loop_real_s() begins with, seconds since the epoch
 * @ret: owned by the caller
 *
 * Return: 0; -ENOMEM.
 */
int bw_loop_new_virtual(int64_t start_ns, int64_t start_real_s, struct bw_loop **ret,
			struct bw_err *err);

/* Frees the loop; timers, calls and descriptors in it are forgotten, not called. NULL-safe. */
void bw_loop_free(struct bw_loop **loop);

/* Whether time is the loop's own. */
int bw_loop_is_virtual(const struct bw_loop *loop);

/* Monotonic nanoseconds (CLOCK_MONOTONIC), read before each callback: equal within one. */
int64_t bw_loop_now_ns(const struct bw_loop *loop);

/* Seconds since the epoch; may jump. For texts and timestamps, never for deadlines. */
int64_t bw_loop_real_s(const struct bw_loop *loop);

/*
 * When something is to be done next: now when a deferred call waits, else the first timer's time,
 * INT64_MAX without any. Several virtual loops are run side by side by it.
 */
int64_t bw_loop_next_ns(const struct bw_loop *loop);

/* Virtual clocks alone: moves bw_loop_real_s() against the monotonic clock by @delta_s. */
void bw_loop_skew(struct bw_loop *loop, int64_t delta_s);

/* Must come before any other use; the timer must not be set. */
void bw_timer_init(struct bw_timer *t, struct bw_loop *loop, bw_loop_fn fn, void *arg);
/*
 * Fires at @at_ns, or in the next round when that is past: what else is ready comes first. A set
 * timer moves. 0; -ENOMEM, never for a timer that is set already.
 */
int bw_timer_set(struct bw_timer *t, int64_t at_ns);
/* Harmless when idle. Must be called before a set timer's memory goes. */
void bw_timer_stop(struct bw_timer *t);
static inline int bw_timer_is_set(const struct bw_timer *t)
{
	return t->heap != 0;
}

/* Must come before any other use. */
void bw_defer_init(struct bw_defer *d, struct bw_loop *loop, bw_loop_fn fn, void *arg);
/* Asks for the call; once it is asked for, asking again changes nothing. */
void bw_defer_call(struct bw_defer *d);
/* Takes a call back that has not run. Harmless when there is none. */
void bw_defer_stop(struct bw_defer *d);

/* Return: 0; -errno of epoll_ctl(2); -ENOTSUP on a virtual clock. */
int bw_loop_fd_add(struct bw_loop_fd *f, struct bw_loop *loop, int fd, uint32_t events,
		   void (*fn)(uint32_t events, void *arg), void *arg, struct bw_err *err);
int bw_loop_fd_change(struct bw_loop_fd *f, uint32_t events, struct bw_err *err);
/* Harmless when it was never added. Call before the descriptor is closed. */
void bw_loop_fd_remove(struct bw_loop_fd *f);

/*
 * Blocks @signo in this thread, for good, and calls @fn in the loop whenever it comes. 0; -EINVAL;
 * -ENOTSUP on a virtual clock; -errno of signalfd(2).
 */
int bw_loop_signal(struct bw_loop *loop, int signo, void (*fn)(int signo, void *arg), void *arg,
		   struct bw_err *err);

/*
 * Runs until bw_loop_stop(), or on a virtual clock until nothing is left to do. 0; -errno of
 * epoll_wait(2).
 */
int bw_loop_run(struct bw_loop *loop, struct bw_err *err);
void bw_loop_stop(struct bw_loop *loop);

/*
 * One callback, or on a virtual clock the jump to the next timer and its callback. Return: 1 one
 * ran, 0 nothing was due (a real loop waits at most @wait_ms for it, -1 = as long as it takes; a
 * virtual one has nothing left until @until_ns, included, and its clock stands there now unless
 * that is INT64_MAX); -errno of epoll_wait(2).
 */
int bw_loop_step(struct bw_loop *loop, int wait_ms, int64_t until_ns, struct bw_err *err);

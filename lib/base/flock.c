/* SPDX-License-Identifier: Apache-2.0 */
/* flock(2) has no timeout: a ticking timer interrupts it, and the clock decides. */
#include <signal.h>
#include <sys/file.h>
#include <sys/time.h>

#include <bw/clock.h>
#include <bw/flock.h>

#define TICK_US 20000 /* a wait that missed its signal is woken by the next one */
#define NS_PER_MS 1000000ULL

static void on_tick(int sig)
{
	(void)sig; /* it only interrupts flock(2) */
}

static int wait_for(int fd, int op, uint64_t deadline)
{
	struct itimerval tick = { { 0, TICK_US }, { 0, TICK_US } }, old_tick;
	struct sigaction act = { .sa_handler = on_tick }, old_act;
	int r = -EAGAIN;

	if (sigaction(SIGALRM, &act, &old_act) < 0)
		return -errno;
	if (setitimer(ITIMER_REAL, &tick, &old_tick) < 0) {
		r = -errno;
		(void)sigaction(SIGALRM, &old_act, NULL); /* it took it before, ignoring */
		return r;
	}
	while (r == -EAGAIN && bw_clock_boot_ns() < deadline) {
		r = flock(fd, op) == 0 ? 0 : -errno;
		if (r == -EINTR)
			r = -EAGAIN;
	}
	/* Both took valid values before, ignoring. */
	(void)setitimer(ITIMER_REAL, &old_tick, NULL);
	(void)sigaction(SIGALRM, &old_act, NULL);
	return r;
}

int bw_flock(int fd, int op, unsigned int timeout_ms)
{
	if (flock(fd, op | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK && errno != EINTR)
		return -errno;
	return wait_for(fd, op, bw_clock_boot_ns() + timeout_ms * NS_PER_MS);
}

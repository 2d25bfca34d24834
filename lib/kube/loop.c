/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: a heap of timers, a ring of deferred calls, and epoll. A virtual loop is the same
 * without epoll, and its clock is moved instead of read. Both run one callback a step, so a round
 * of the real one can be spread over many.
 */
#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

#include <bw/err.h>
#include <bw/loop.h>

#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL
#define EVENTS_MAX 64 /* fetched by one epoll_wait(2) */
#define DEFERS_MAX 256 /* deferred calls in a row before descriptors and timers get a turn */
#define SIGNALS_MAX 65 /* signal(7): 1..64 */

struct handler {
	void (*fn)(int signo, void *arg);
	void *arg;
};

struct bw_loop {
	int is_virtual;
	int stopped;
	int epoll; /* -1 on a virtual clock */
	int64_t now_ns;
	int64_t start_ns; /* virtual: where now_ns and real_s began */
	int64_t real_s; /* virtual: at start_ns, with every skew */

	struct bw_timer **heap;
	size_t n_timers;
	size_t cap_timers;
	uint64_t seq;
	uint64_t round_seq; /* timers set later than this wait for the next round */

	struct bw_list defers;
	unsigned int defers_run; /* in a row */

	struct bw_list fds;
	struct epoll_event events[EVENTS_MAX];
	int event_i;
	int event_n;

	int signal_fd;
	sigset_t signals;
	struct bw_loop_fd signal_watch;
	struct handler handlers[SIGNALS_MAX];
};

static int64_t monotonic_ns(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail, ignoring */
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static struct bw_loop *loop_alloc(void)
{
	struct bw_loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->epoll = -1;
	l->signal_fd = -1;
	bw_list_init(&l->defers);
	bw_list_init(&l->fds);
	(void)sigemptyset(&l->signals); /* cannot fail, ignoring */
	return l;
}

int bw_loop_new(struct bw_loop **ret, struct bw_err *err)
{
	struct bw_loop *l = loop_alloc();
	int r;

	if (!l)
		return bw_fail(err, ENOMEM, "make an event loop");
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		r = bw_fail(err, errno, "make an epoll descriptor");
		bw_loop_free(&l);
		return r;
	}
	l->now_ns = monotonic_ns();
	*ret = l;
	return 0;
}

int bw_loop_new_virtual(int64_t start_ns, int64_t start_real_s, struct bw_loop **ret,
			struct bw_err *err)
{
	struct bw_loop *l = loop_alloc();

	if (!l)
		return bw_fail(err, ENOMEM, "make an event loop");
	l->is_virtual = 1;
	l->now_ns = start_ns;
	l->start_ns = start_ns;
	l->real_s = start_real_s;
	*ret = l;
	return 0;
}

void bw_loop_free(struct bw_loop **loop)
{
	struct bw_loop *l = loop ? *loop : NULL;

	if (!l)
		return;
	*loop = NULL;
	bw_loop_fd_remove(&l->signal_watch);
	for (size_t i = 0; i < l->n_timers; i++)
		l->heap[i]->heap = 0;
	bw_list_for_each (node, &l->defers)
		bw_list_del(node);
	bw_list_for_each (node, &l->fds)
		bw_loop_fd_remove(bw_list_entry(node, struct bw_loop_fd, node));
	if (l->signal_fd >= 0)
		(void)close(l->signal_fd); /* nothing to do about a failed close, ignoring */
	if (l->epoll >= 0)
		(void)close(l->epoll); /* likewise, ignoring */
	free(l->heap);
	free(l);
}

int bw_loop_is_virtual(const struct bw_loop *loop)
{
	return loop->is_virtual;
}

int64_t bw_loop_now_ns(const struct bw_loop *loop)
{
	return loop->now_ns;
}

int64_t bw_loop_real_s(const struct bw_loop *loop)
{
	struct timespec ts = { 0 };

	if (loop->is_virtual)
		return loop->real_s + (loop->now_ns - loop->start_ns) / NS_PER_S;
	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail, ignoring */
	return ts.tv_sec;
}

int64_t bw_loop_next_ns(const struct bw_loop *loop)
{
	if (!bw_list_empty(&loop->defers))
		return loop->now_ns;
	return loop->n_timers ? loop->heap[0]->at_ns : INT64_MAX;
}

void bw_loop_skew(struct bw_loop *loop, int64_t delta_s)
{
	assert(loop->is_virtual);
	loop->real_s += delta_s;
}

/* Timers: a binary heap by (at_ns, seq). */

static int before(const struct bw_timer *a, const struct bw_timer *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->seq < b->seq;
}

static void heap_put(struct bw_loop *l, size_t i, struct bw_timer *t)
{
	l->heap[i] = t;
	t->heap = i + 1;
}

static void sift_up(struct bw_loop *l, size_t i)
{
	struct bw_timer *t = l->heap[i];

	while (i > 0 && before(t, l->heap[(i - 1) / 2])) {
		heap_put(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(l, i, t);
}

static void sift_down(struct bw_loop *l, size_t i)
{
	struct bw_timer *t = l->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= l->n_timers)
			break;
		if (child + 1 < l->n_timers && before(l->heap[child + 1], l->heap[child]))
			child++;
		if (!before(l->heap[child], t))
			break;
		heap_put(l, i, l->heap[child]);
		i = child;
	}
	heap_put(l, i, t);
}

void bw_timer_init(struct bw_timer *t, struct bw_loop *loop, bw_loop_fn fn, void *arg)
{
	*t = (struct bw_timer){ .loop = loop, .fn = fn, .arg = arg };
}

static int heap_grow(struct bw_loop *l)
{
	size_t cap = l->cap_timers ? 2 * l->cap_timers : 64;
	struct bw_timer **heap = reallocarray(l->heap, cap, sizeof(struct bw_timer *));

	if (!heap)
		return -ENOMEM;
	l->heap = heap;
	l->cap_timers = cap;
	return 0;
}

int bw_timer_set(struct bw_timer *t, int64_t at_ns)
{
	struct bw_loop *l = t->loop;

	if (!t->heap) {
		if (l->n_timers == l->cap_timers && heap_grow(l) < 0)
			return -ENOMEM;
		heap_put(l, l->n_timers++, t);
	}
	t->at_ns = at_ns;
	t->seq = ++l->seq;
	sift_up(l, t->heap - 1);
	sift_down(l, t->heap - 1);
	return 0;
}

void bw_timer_stop(struct bw_timer *t)
{
	struct bw_loop *l = t->loop;
	size_t i = t->heap;
	struct bw_timer *last;

	if (!i)
		return;
	i--;
	t->heap = 0;
	last = l->heap[--l->n_timers];
	if (last == t)
		return;
	heap_put(l, i, last);
	sift_up(l, i);
	sift_down(l, last->heap - 1);
}

/* Deferred calls. */

void bw_defer_init(struct bw_defer *d, struct bw_loop *loop, bw_loop_fn fn, void *arg)
{
	*d = (struct bw_defer){ .loop = loop, .fn = fn, .arg = arg };
	bw_list_init(&d->node);
}

void bw_defer_call(struct bw_defer *d)
{
	if (bw_list_empty(&d->node))
		bw_list_add_tail(&d->loop->defers, &d->node);
}

void bw_defer_stop(struct bw_defer *d)
{
	if (d->node.next)
		bw_list_del(&d->node);
}

/* Descriptors. */

int bw_loop_fd_add(struct bw_loop_fd *f, struct bw_loop *loop, int fd, uint32_t events,
		   void (*fn)(uint32_t events, void *arg), void *arg, struct bw_err *err)
{
	struct epoll_event e = { .events = events, .data.ptr = f };

	if (loop->is_virtual)
		return bw_fail(err, ENOTSUP, "watch a descriptor on a virtual clock");
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return bw_fail(err, errno, "watch descriptor %d", fd);
	*f = (struct bw_loop_fd){ .loop = loop, .fd = fd, .events = events, .fn = fn, .arg = arg };
	bw_list_add_tail(&loop->fds, &f->node);
	return 0;
}

int bw_loop_fd_change(struct bw_loop_fd *f, uint32_t events, struct bw_err *err)
{
	struct epoll_event e = { .events = events, .data.ptr = f };

	if (epoll_ctl(f->loop->epoll, EPOLL_CTL_MOD, f->fd, &e) < 0)
		return bw_fail(err, errno, "watch descriptor %d", f->fd);
	f->events = events;
	return 0;
}

void bw_loop_fd_remove(struct bw_loop_fd *f)
{
	struct bw_loop *l = f->loop;

	if (!l)
		return;
	/* A descriptor that its owner closed too early is gone from epoll already, ignoring. */
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, f->fd, NULL);
	for (int i = l->event_i; i < l->event_n; i++) {
		if (l->events[i].data.ptr == f)
			l->events[i].data.ptr = NULL;
	}
	bw_list_del(&f->node);
	f->loop = NULL;
}

/* Signals: one signalfd for all. */

static void on_signal(uint32_t events, void *arg)
{
	struct bw_loop *l = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(l->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo < SIGNALS_MAX && l->handlers[info.ssi_signo].fn)
		l->handlers[info.ssi_signo].fn((int)info.ssi_signo,
					       l->handlers[info.ssi_signo].arg);
}

int bw_loop_signal(struct bw_loop *loop, int signo, void (*fn)(int signo, void *arg), void *arg,
		   struct bw_err *err)
{
	sigset_t set = loop->signals;
	int fd;
	int r;

	if (loop->is_virtual)
		return bw_fail(err, ENOTSUP, "wait for signal %d on a virtual clock", signo);
	if (signo < 1 || signo >= SIGNALS_MAX || sigaddset(&set, signo) < 0)
		return bw_fail(err, EINVAL, "wait for signal %d", signo);
	r = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (r != 0)
		return bw_fail(err, r, "block signal %d", signo);
	fd = signalfd(loop->signal_fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return bw_fail(err, errno, "wait for signal %d", signo);
	loop->signal_fd = fd;
	loop->signals = set;
	loop->handlers[signo] = (struct handler){ .fn = fn, .arg = arg };
	if (loop->signal_watch.loop)
		return 0;
	return bw_loop_fd_add(&loop->signal_watch, loop, fd, EPOLLIN, on_signal, loop, err);
}

/* Running. Each of these runs one callback and returns 1, or returns 0. */

static int run_defer(struct bw_loop *l)
{
	struct bw_defer *d;

	if (bw_list_empty(&l->defers))
		return 0;
	d = bw_list_entry(l->defers.next, struct bw_defer, node);
	bw_list_del(&d->node);
	d->fn(d->arg);
	return 1;
}

static int run_timer(struct bw_loop *l)
{
	struct bw_timer *t = l->n_timers ? l->heap[0] : NULL;

	if (!t || t->at_ns > l->now_ns || (!l->is_virtual && t->seq > l->round_seq))
		return 0;
	bw_timer_stop(t);
	t->fn(t->arg);
	return 1;
}

static int run_event(struct bw_loop *l)
{
	while (l->event_i < l->event_n) {
		const struct epoll_event *e = &l->events[l->event_i++];
		struct bw_loop_fd *f = e->data.ptr;
		uint32_t events = f ? e->events & (f->events | EPOLLERR | EPOLLHUP) : 0;

		if (!events)
			continue;
		f->fn(events, f->arg);
		return 1;
	}
	return 0;
}

/* Milliseconds until the first timer, rounded up, at most @wait_ms (-1 = no limit). */
static int poll_ms(const struct bw_loop *l, int wait_ms)
{
	int64_t ms;

	if (!bw_list_empty(&l->defers))
		return 0;
	if (!l->n_timers)
		return wait_ms;
	if (l->heap[0]->at_ns <= l->now_ns)
		return 0;
	ms = (l->heap[0]->at_ns - l->now_ns + NS_PER_MS - 1) / NS_PER_MS;
	if (ms > INT_MAX)
		ms = INT_MAX;
	return wait_ms >= 0 && wait_ms < ms ? wait_ms : (int)ms;
}

/* Begins a round: looks what the descriptors have, and which timers there are now. */
static int poll_events(struct bw_loop *l, int wait_ms, struct bw_err *err)
{
	int n;

	l->now_ns = monotonic_ns();
	l->event_i = 0;
	l->event_n = 0;
	n = epoll_wait(l->epoll, l->events, EVENTS_MAX, poll_ms(l, wait_ms));
	if (n < 0 && errno != EINTR)
		return bw_fail(err, errno, "wait for events");
	l->event_n = n > 0 ? n : 0;
	l->now_ns = monotonic_ns();
	l->round_seq = l->seq;
	l->defers_run = 0;
	return 0;
}

static int step_ready(struct bw_loop *l)
{
	if (l->defers_run < DEFERS_MAX && run_defer(l)) {
		l->defers_run++;
		return 1;
	}
	return run_timer(l) || run_event(l);
}

static int step_virtual(struct bw_loop *l, int64_t until_ns)
{
	if (run_defer(l))
		return 1;
	if (l->n_timers && l->heap[0]->at_ns <= until_ns) {
		if (l->heap[0]->at_ns > l->now_ns)
			l->now_ns = l->heap[0]->at_ns;
		return run_timer(l);
	}
	if (until_ns != INT64_MAX && until_ns > l->now_ns)
		l->now_ns = until_ns;
	return 0;
}

int bw_loop_step(struct bw_loop *loop, int wait_ms, int64_t until_ns, struct bw_err *err)
{
	int r;

	if (loop->is_virtual)
		return step_virtual(loop, until_ns);
	loop->now_ns = monotonic_ns();
	if (step_ready(loop))
		return 1;
	r = poll_events(loop, wait_ms, err);
	return r < 0 ? r : step_ready(loop);
}

int bw_loop_run(struct bw_loop *loop, struct bw_err *err)
{
	int r = 0;

	while (!loop->stopped) {
		r = bw_loop_step(loop, -1, INT64_MAX, err);
		if (r < 0 || (r == 0 && loop->is_virtual))
			break;
	}
	loop->stopped = 0;
	return r < 0 ? r : 0;
}

void bw_loop_stop(struct bw_loop *loop)
{
	loop->stopped = 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink sockets: open in a namespace, talk, dump. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <libmnl/libmnl.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/netns.h>
#include <bw/nl.h>

#define NS_PER_MS 1000000ULL
#define DUMP_SLOTS 2 /* the end of a short dump comes with its content; the kernel fills 32 KiB */

static const int protocols[BW_NL_BUS_MAX_] = {
	[BW_NL_ROUTE] = NETLINK_ROUTE,
	[BW_NL_NETFILTER] = NETLINK_NETFILTER,
	[BW_NL_RDMA] = NETLINK_RDMA,
};

/* One answer as it came: its bytes and whether the kernel sent them. */
struct answer {
	const unsigned char *data;
	size_t size;
};

static int setup(struct bw_nl *nl, struct bw_err *err)
{
	int on = 1;

	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocols[nl->bus]);
	if (nl->fd < 0)
		return bw_fail(err, errno, "open netlink socket");
	/* nf_tables says what is wrong by the place in the message, not by a text. */
	if (nl->bus != BW_NL_NETFILTER &&
	    setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) < 0)
		return bw_fail(err, errno, "ask for extended acknowledgements");
	return 0;
}

int bw_nl_open(enum bw_nl_bus bus, const struct bw_netns *ns, struct bw_nl **ret,
	       struct bw_err *err)
{
	bw_autonl struct bw_nl *nl = malloc(sizeof(*nl));
	int r, back = 0;

	if (!nl)
		return bw_fail(err, ENOMEM, "open netlink socket");
	nl->fd = -1;
	nl->bus = bus;
	nl->seq = 0;
	nl->strict = 0;
	bw_nl_batch_init(&nl->batch);
	bw_nl_batch_init(&nl->once);
	if (ns) {
		r = bw_netns_enter(ns, err);
		if (r < 0)
			return r;
	}
	r = setup(nl, err);
	if (ns)
		back = bw_netns_leave(ns, r < 0 ? NULL : err);
	if (r < 0 || back < 0)
		return r < 0 ? r : back;
	*ret = BW_TAKE_PTR(nl);
	return 0;
}

int bw_nl_netns_cookie(const struct bw_nl *nl, uint64_t *ret, struct bw_err *err)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	if (getsockopt(nl->fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
		return bw_fail(err, errno, "read network namespace cookie");
	*ret = cookie;
	return 0;
}

void bw_nl_close(struct bw_nl **nl)
{
	if (!nl || !*nl)
		return;
	bw_autoclose_fn(&(*nl)->fd);
	bw_autofree_fn(nl);
	*nl = NULL;
}

struct bw_nl_batch *bw_nl_begin(struct bw_nl *nl)
{
	bw_nl_batch_init(&nl->batch);
	return &nl->batch;
}

static int ms_left(uint64_t deadline)
{
	uint64_t now = bw_clock_boot_ns();

	return now >= deadline ? 0 : (int)((deadline - now + NS_PER_MS - 1) / NS_PER_MS);
}

static int wait_readable(struct bw_nl *nl, uint64_t deadline, struct bw_err *err)
{
	for (;;) {
		struct pollfd p = { .fd = nl->fd, .events = POLLIN };
		int n = poll(&p, 1, ms_left(deadline));

		if (n > 0)
			return 0;
		if (n < 0 && errno == EINTR && ms_left(deadline) > 0)
			continue;
		if (n < 0 && errno != EINTR)
			return bw_fail(err, errno, "wait for netlink answer");
		return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT,
				 "the kernel did not answer on netlink within %d ms",
				 BW_NL_TIMEOUT_MS);
	}
}

/*
 * Receives into @n slots of @slot bytes. Answers that are not the kernel's are left out.
 * Returns how many answers were filled, -errno; -ENOBUFS when answers were lost.
 */
static int receive(struct bw_nl *nl, struct answer *out, unsigned int n, size_t slot,
		   uint64_t deadline, struct bw_err *err)
{
	struct mmsghdr m[BW_NL_SLOTS];
	struct iovec iov[BW_NL_SLOTS];
	struct sockaddr_nl from[BW_NL_SLOTS];
	int got, used = 0;

	memset(m, 0, sizeof(m));
	for (unsigned int i = 0; i < n; i++) {
		iov[i] = (struct iovec){ nl->rx + i * slot, slot };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
						.msg_namelen = sizeof(from[i]),
						.msg_iov = &iov[i],
						.msg_iovlen = 1 };
	}
	for (;;) {
		int r;

		got = recvmmsg(nl->fd, m, n, MSG_DONTWAIT, NULL);
		if (got >= 0)
			break;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return bw_fail(err, errno, "receive netlink answer");
		r = wait_readable(nl, deadline, err);
		if (r < 0)
			return r;
	}
	for (int i = 0; i < got; i++) {
		if (m[i].msg_hdr.msg_namelen != sizeof(from[i]) || from[i].nl_pid != 0)
			continue;
		if (m[i].msg_hdr.msg_flags & MSG_TRUNC)
			return bw_fail(err, EMSGSIZE,
				       "receive netlink answer of more than %zu bytes", slot);
		out[used++] = (struct answer){ nl->rx + (size_t)i * slot, m[i].msg_len };
		nl->events += from[i].nl_groups != 0;
	}
	return used;
}

static int send_batch(struct bw_nl *nl, struct bw_nl_batch *b, struct bw_err *err)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct iovec iov = { b->data, b->size };
	struct msghdr msg = {
		.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &iov, .msg_iovlen = 1
	};
	ssize_t n;

	if (b->overflow)
		return bw_fail(err, EMSGSIZE, "%s: build netlink batch",
			       b->n ? b->ops[b->n - 1].what : "netlink");
	for (uint32_t i = 0; i < b->n; i++) {
		struct nlmsghdr *nlh = (void *)(b->data + b->ops[i].offset);

		/* 0 is never used, so an answer to nothing of ours cannot match. */
		nl->seq = nl->seq == UINT32_MAX ? 1 : nl->seq + 1;
		nlh->nlmsg_seq = nl->seq;
		b->ops[i].result = 1;
	}
	do {
		n = sendmsg(nl->fd, &msg, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return bw_fail(err, errno, "%s: send netlink message", b->ops[0].what);
	return 0;
}

static const struct nlmsghdr *op_msg(const struct bw_nl_batch *b, uint32_t i)
{
	return (const void *)(b->data + b->ops[i].offset);
}

/* Which op an answer belongs to; -1 = none of this batch. */
static int op_of(const struct bw_nl_batch *b, uint32_t seq)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (op_msg(b, i)->nlmsg_seq == seq)
			return (int)i;
	return -1;
}

static int is_tolerated(const struct bw_nl_op *op, int errnum)
{
	for (size_t i = 0; i < BW_NL_TOLERATE_MAX; i++)
		if (op->tolerate[i] == errnum && errnum)
			return 1;
	return 0;
}

/* The text the kernel adds to an error; empty when it adds none. */
static void extack_text(const struct nlmsghdr *nlh, char *out, size_t size)
{
	const struct nlattr *tb[NLMSGERR_ATTR_MSG + 1];
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t head = sizeof(*e);

	out[0] = '\0';
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED)) {
		/* The whole request is echoed before the attributes. */
		if (e->msg.nlmsg_len < sizeof(e->msg) || e->msg.nlmsg_len > nlh->nlmsg_len)
			return;
		head += e->msg.nlmsg_len - sizeof(e->msg);
	}
	bw_nl_attrs(nlh, head, tb, NLMSGERR_ATTR_MSG);
	bw_nl_str(tb[NLMSGERR_ATTR_MSG], out, size);
}

static int fail_op(const struct bw_nl_op *op, const struct nlmsghdr *nlh, int errnum,
		   struct bw_err *err)
{
	char text[256];

	extack_text(nlh, text, sizeof(text));
	if (text[0])
		return bw_fail(err, errnum, "%s: %s", op->what, text);
	return bw_fail(err, errnum, "%s", op->what);
}

/* An NLMSG_ERROR: 0 is an acknowledgement. Returns 0 or the error that ends the batch's success. */
static int take_error(struct bw_nl_batch *b, int i, const struct nlmsghdr *nlh, struct bw_err *err)
{
	struct bw_nl_op *op = &b->ops[i];
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return bw_fail(err, EPROTO, "%s: netlink answer is too short", op->what);
	if (e->error > 0 || e->error < -4095)
		return bw_fail(err, EPROTO, "%s: netlink answer holds no errno", op->what);
	op->result = e->error;
	if (!e->error || is_tolerated(op, -e->error) || b->failed >= 0)
		return 0;
	b->failed = i;
	(void)fail_op(op, nlh, -e->error, err); /* reported by the caller, ignoring */
	return 0;
}

int bw_nl_take(struct bw_nl_batch *b, const void *data, size_t size, struct bw_err *err)
{
	const unsigned char *p = data;
	const struct nlmsghdr *nlh;

	while ((nlh = bw_nl_next(&p, &size))) {
		int i = op_of(b, nlh->nlmsg_seq);
		int r = 0;

		/* The first answer counts: a later one must not turn a failure into a success. */
		if (i < 0 || b->ops[i].result != 1)
			continue;
		if (nlh->nlmsg_type == NLMSG_ERROR) {
			r = take_error(b, i, nlh, err);
		} else if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && b->ops[i].on_reply) {
			b->ops[i].result = 0;
			r = b->ops[i].on_reply(nlh, b->ops[i].arg, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int waits(const struct bw_nl_batch *b, uint32_t i)
{
	return b->ops[i].on_reply || (op_msg(b, i)->nlmsg_flags & NLM_F_ACK);
}

static int is_complete(const struct bw_nl *nl, const struct bw_nl_batch *b)
{
	/* nfnetlink answers nothing but the error when it refuses the batch as such. */
	if (nl->bus == BW_NL_NETFILTER && b->failed >= 0 && !waits(b, (uint32_t)b->failed))
		return 1;
	for (uint32_t i = 0; i < b->n; i++)
		if (b->ops[i].result == 1 && waits(b, i))
			return 0;
	return 1;
}

int bw_nl_talk(struct bw_nl *nl, struct bw_nl_batch *b, struct bw_err *err)
{
	uint64_t deadline = bw_clock_boot_ns() + BW_NL_TIMEOUT_MS * NS_PER_MS;
	struct answer answers[BW_NL_SLOTS];
	int r;

	b->failed = -1;
	if (!b->n && !b->overflow)
		return 0;
	r = send_batch(nl, b, err);
	while (r >= 0 && !is_complete(nl, b)) {
		int n = receive(nl, answers, BW_NL_SLOTS, BW_NL_SLOT_SIZE, deadline, err);

		r = n;
		for (int i = 0; i < n && r >= 0; i++)
			r = bw_nl_take(b, answers[i].data, answers[i].size, err);
	}
	if (r < 0)
		return r;
	return b->failed < 0 ? 0 : b->ops[b->failed].result;
}

/* Size of the next datagram, which stays where it is. */
static int peek_size(struct bw_nl *nl, uint64_t deadline, size_t *ret, struct bw_err *err)
{
	for (;;) {
		ssize_t n = recv(nl->fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
		int r;

		if (n > (ssize_t)BW_NL_BIG_MAX)
			return bw_fail(err, EMSGSIZE,
				       "receive netlink answer of more than %u bytes",
				       BW_NL_BIG_MAX);
		if (n >= 0) {
			*ret = (size_t)n;
			return 0;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return bw_fail(err, errno, "receive netlink answer");
		r = wait_readable(nl, deadline, err);
		if (r < 0)
			return r;
	}
}

static int take_big(struct bw_nl *nl, struct bw_nl_batch *b, uint64_t deadline, struct bw_err *err)
{
	bw_autofree void *data = NULL;
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	size_t size = 0;
	ssize_t n;
	int r = peek_size(nl, deadline, &size, err);

	if (r < 0)
		return r;
	data = malloc(size + 1);
	if (!data)
		return bw_fail(err, ENOMEM, "receive netlink answer");
	do {
		n = recvfrom(nl->fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&from,
			     &from_size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return bw_fail(err, errno, "receive netlink answer");
	if (from_size != sizeof(from) || from.nl_pid != 0)
		return 0;
	return bw_nl_take(b, data, (size_t)n, err);
}

int bw_nl_talk_big(struct bw_nl *nl, struct bw_nl_batch *b, struct bw_err *err)
{
	uint64_t deadline = bw_clock_boot_ns() + BW_NL_TIMEOUT_MS * NS_PER_MS;
	int r;

	b->failed = -1;
	if (!b->n && !b->overflow)
		return 0;
	r = send_batch(nl, b, err);
	while (r >= 0 && !is_complete(nl, b))
		r = take_big(nl, b, deadline, err);
	if (r < 0)
		return r;
	return b->failed < 0 ? 0 : b->ops[b->failed].result;
}

/* What became of one try of a dump. */
enum dump_state {
	DUMP_MORE,
	DUMP_DONE,
	DUMP_AGAIN,
};

struct dump {
	struct bw_nl_batch *b;
	bw_nl_fn fn;
	void *arg;
	int interrupted;
	int failed; /* what @fn returned; the rest is read and dropped, else the next dump is busy
		     */
	unsigned int n;
};

static int dump_message(struct dump *d, const struct nlmsghdr *nlh, struct bw_err *err)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	int code = 0;
	int r;

	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		d->interrupted = 1;
	if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(code))
			code = e->error;
		if (code == -EINTR)
			return DUMP_AGAIN;
		if (code < 0 && !is_tolerated(&d->b->ops[0], -code))
			return fail_op(&d->b->ops[0], nlh, -code, err);
		return d->interrupted ? DUMP_AGAIN : DUMP_DONE;
	}
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE)
		return DUMP_MORE;
	if (++d->n > BW_NL_DUMP_MSGS_MAX)
		return bw_fail(err, EOVERFLOW, "%s", d->b->ops[0].what);
	if (d->failed < 0)
		return DUMP_MORE;
	r = d->fn(nlh, d->arg, err);
	d->failed = r < 0 ? r : 0;
	return DUMP_MORE;
}

static int dump_datagram(struct dump *d, const struct answer *a, struct bw_err *err)
{
	const unsigned char *p = a->data;
	const struct nlmsghdr *nlh;
	size_t left = a->size;

	while ((nlh = bw_nl_next(&p, &left))) {
		int r;

		if (nlh->nlmsg_seq != op_msg(d->b, 0)->nlmsg_seq)
			continue;
		r = dump_message(d, nlh, err);
		if (r != DUMP_MORE)
			return r;
	}
	return DUMP_MORE;
}

static int dump_once(struct bw_nl *nl, struct dump *d, uint64_t deadline, struct bw_err *err)
{
	int state = DUMP_MORE;
	int r;

	d->interrupted = 0;
	d->failed = 0;
	d->n = 0;
	r = d->fn(NULL, d->arg, err);
	if (r >= 0)
		r = send_batch(nl, d->b, err);
	if (r < 0)
		return r;
	while (state == DUMP_MORE) {
		struct answer a[DUMP_SLOTS];
		int n = receive(nl, a, DUMP_SLOTS, sizeof(nl->rx) / DUMP_SLOTS, deadline, err);

		if (n == -ENOBUFS)
			d->interrupted = 1;
		else if (n < 0)
			return n;
		for (int i = 0; i < n && state == DUMP_MORE; i++)
			state = dump_datagram(d, &a[i], err);
	}
	return d->failed < 0 ? d->failed : state;
}

/* Kernel side filters of a dump are only honoured with strict checking. */
static int set_strict(struct bw_nl *nl, struct bw_err *err)
{
	int on = 1;

	if (nl->strict || nl->bus != BW_NL_ROUTE)
		return 0;
	if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
		return bw_fail(err, errno, "ask for strict netlink checks");
	nl->strict = 1;
	return 0;
}

int bw_nl_dump(struct bw_nl *nl, struct bw_nl_batch *b, bw_nl_fn fn, void *arg, struct bw_err *err)
{
	uint64_t deadline = bw_clock_boot_ns() + BW_NL_TIMEOUT_MS * NS_PER_MS;
	struct dump d = { .b = b, .fn = fn, .arg = arg };
	int r;

	if (b->overflow || b->n != 1)
		return bw_fail(err, EMSGSIZE, "build netlink dump");
	r = set_strict(nl, err);
	if (r < 0)
		return r;
	((struct nlmsghdr *)(void *)(b->data + b->ops[0].offset))->nlmsg_flags |= NLM_F_DUMP;
	for (int i = 0; i < BW_NL_DUMP_TRIES; i++) {
		r = dump_once(nl, &d, deadline, err);
		if (r < 0)
			return r;
		if (r == DUMP_DONE)
			return 0;
	}
	return bw_reject(err, BW_ERR_BUSY, EAGAIN,
			 "%s: the list changed %d times while it was read", b->ops[0].what,
			 BW_NL_DUMP_TRIES);
}

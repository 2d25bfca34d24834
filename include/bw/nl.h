/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink: pure builders fill a batch, one talk() sends it whole and collects what became of each
 * message. A batch leaves in one sendmsg(2) and its answers come in as few recvmmsg(2) as fit.
 *
 * I1 A builder does no I/O and cannot fail: a batch that overflows says so in talk().
 * I2 Messages of a route batch are independent: one that fails does not stop the later ones.
 * I3 An answer counts only when it comes from the kernel and carries a sequence number of the
 * batch. I4 No call blocks longer than BW_NL_TIMEOUT_MS.
 */
#pragma once

#include <linux/netlink.h>

#include <bw/defs.h>

struct bw_err;
struct bw_netns;
struct nlattr;
struct nlmsghdr;

#define BW_NL_TIMEOUT_MS 5000
#define BW_NL_BATCH_SIZE 16384 /* bytes of messages in one batch */
#define BW_NL_OPS_MAX 64 /* messages in one batch */
#define BW_NL_WHAT_MAX 64 /* characters that name a message in an error */
#define BW_NL_TOLERATE_MAX 3 /* errors of one message that are no failure */
#define BW_NL_SLOT_SIZE 4096 /* bytes of one answer that is not a dump */
#define BW_NL_BIG_MAX (1U << 20) /* bytes of one answer of bw_nl_talk_big() */
#define BW_NL_SLOTS 16 /* answers taken by one recvmmsg(2) */
#define BW_NL_DUMP_TRIES 16 /* dumps that were interrupted by a change start again so often */
#define BW_NL_DUMP_MSGS_MAX (1U << 21)

enum bw_nl_bus {
	BW_NL_ROUTE,
	BW_NL_NETFILTER,
	BW_NL_RDMA,
	BW_NL_BUS_MAX_,
};

/*
 * Takes one answer. A dump calls it with @nlh NULL before each try: forget what was collected.
 * A negative return ends the talk with it.
 */
typedef int (*bw_nl_fn)(const struct nlmsghdr *nlh, void *arg, struct bw_err *err);

/* One message of a batch and what became of it. */
struct bw_nl_op {
	uint32_t offset; /* of the message in the batch */
	int result; /* after talk(): 0 or -errno, tolerated ones too; 1 = no answer yet */
	int tolerate[BW_NL_TOLERATE_MAX];
	bw_nl_fn on_reply; /* of a GET: its one answer */
	void *arg;
	char what[BW_NL_WHAT_MAX];
};

struct bw_nl_batch {
	uint32_t size; /* bytes used */
	uint32_t n;
	int overflow; /* a message or attribute did not fit */
	int failed; /* after talk(): first op whose error is not tolerated, -1 = none */
	struct bw_nl_op ops[BW_NL_OPS_MAX];
	_Alignas(NLMSG_ALIGNTO) unsigned char data[BW_NL_BATCH_SIZE];
};

/* One socket in one network namespace. */
struct bw_nl {
	int fd;
	enum bw_nl_bus bus;
	uint32_t seq;
	uint8_t strict; /* NETLINK_GET_STRICT_CHK is on */
	unsigned int events; /* how many datagrams of a multicast group came between answers */
	struct bw_nl_batch batch; /* the caller's: bw_nl_begin() */
	struct bw_nl_batch once; /* of the calls that build and talk by themselves */
	_Alignas(NLMSG_ALIGNTO) unsigned char rx[BW_NL_SLOTS * BW_NL_SLOT_SIZE];
};

#define bw_autonl BW_CLEANUP(bw_nl_close)

/**
 * bw_nl_open() - open a socket
 * @bus: which family
 * @ns: the namespace it is to act in, for good; NULL = the caller's
 * @ret: owned by the caller
 *
 * The caller is back in its own namespace afterwards.
 * Return: 0; -ENOMEM; -errno of setns(2), socket(2), setsockopt(2).
 */
int bw_nl_open(enum bw_nl_bus bus, const struct bw_netns *ns, struct bw_nl **ret,
	       struct bw_err *err);

/**
 * bw_nl_netns_cookie() - which namespace the socket acts in
 * @nl: open socket
 * @ret: the namespace's identity in this boot
 *
 * Return: 0; -errno of getsockopt(2).
 * Source: SO_NETNS_COOKIE, Linux 5.14.
 */
int bw_nl_netns_cookie(const struct bw_nl *nl, uint64_t *ret, struct bw_err *err);

/* Closes and frees; NULL-safe, nulls. */
void bw_nl_close(struct bw_nl **nl);

/* Empties the socket's own batch and returns it. */
struct bw_nl_batch *bw_nl_begin(struct bw_nl *nl);

/* Empties a batch. */
void bw_nl_batch_init(struct bw_nl_batch *b);

/**
 * bw_nl_msg() - start a message; attributes put afterwards belong to it
 * @b: batch
 * @type: nlmsg_type
 * @flags: nlmsg_flags; NLM_F_REQUEST is added
 * @head: the family's fixed header, copied
 * @head_size: its bytes
 * @fmt: verb + object, for errors
 */
void bw_nl_msg(struct bw_nl_batch *b, uint16_t type, uint16_t flags, const void *head,
	       size_t head_size, const char *fmt, ...) BW_PRINTF(6, 7);

/* Attributes of the last message; numbers in host order. */
void bw_nl_put(struct bw_nl_batch *b, uint16_t type, const void *data, size_t size);
void bw_nl_put_u8(struct bw_nl_batch *b, uint16_t type, uint8_t v);
void bw_nl_put_u16(struct bw_nl_batch *b, uint16_t type, uint16_t v);
void bw_nl_put_u32(struct bw_nl_batch *b, uint16_t type, uint32_t v);
void bw_nl_put_be32(struct bw_nl_batch *b, uint16_t type, uint32_t v); /* v in host order */
void bw_nl_put_str(struct bw_nl_batch *b, uint16_t type, const char *s); /* with its NUL */

/* Opens a nest (NLA_F_NESTED is the caller's to add); close with the offset returned. */
uint32_t bw_nl_nest(struct bw_nl_batch *b, uint16_t type);
void bw_nl_nest_end(struct bw_nl_batch *b, uint32_t nest);

/* Raw bytes in the last message, padded: a fixed header inside a nest. */
void bw_nl_put_raw(struct bw_nl_batch *b, const void *data, size_t size);

/* The last message: an answer with this (positive) errno is no failure of the batch. */
void bw_nl_tolerate(struct bw_nl_batch *b, int errnum);

/* The last message is a GET (sent without NLM_F_ACK): hand its one answer to @fn. */
void bw_nl_on_reply(struct bw_nl_batch *b, bw_nl_fn fn, void *arg);

/**
 * bw_nl_talk() - send the batch and collect every answer
 * @nl: socket
 * @b: batch, not empty batches are sent; afterwards ops[].result and .failed tell each fate
 *
 * Waits for the messages that asked for an acknowledgement (NLM_F_ACK) or have an on_reply. Kernel
 * extack text is part of the error: "<what>: <extack>: <errno text>".
 * Return: 0; -errno of the first message that failed and does not tolerate it; -EMSGSIZE the batch
 * overflowed, nothing was sent; -ETIMEDOUT class BUSY; what an on_reply returned.
 */
int bw_nl_talk(struct bw_nl *nl, struct bw_nl_batch *b, struct bw_err *err);

/**
 * bw_nl_talk_big() - bw_nl_talk() for answers that may be larger than BW_NL_SLOT_SIZE
 * @nl: socket
 * @b: batch
 *
 * The room for each answer is what the kernel says it needs (MSG_PEEK with MSG_TRUNC): two calls
 * and an allocation a datagram. Return: as bw_nl_talk(); -EMSGSIZE more than BW_NL_BIG_MAX;
 * -ENOMEM.
 */
int bw_nl_talk_big(struct bw_nl *nl, struct bw_nl_batch *b, struct bw_err *err);

/**
 * bw_nl_take() - match one received datagram with the messages of a sent batch (pure)
 * @b: sent
 * @data: aligned as a message
 * @size: its bytes
 *
 * Fills ops[].result and .failed, calls on_reply. What carries no sequence number of the batch is
 * skipped. Return: 0; -EPROTO an answer is malformed; what an on_reply returned.
 */
int bw_nl_take(struct bw_nl_batch *b, const void *data, size_t size, struct bw_err *err);

/**
 * bw_nl_dump() - send the one message of the batch with NLM_F_DUMP and hand on every answer
 * @nl: socket
 * @b: exactly one message; NLM_F_DUMP is added
 * @fn: called once with NULL at the start of each try, then for each object
 * @arg: for @fn
 *
 * Starts again when the kernel says the list changed meanwhile (NLM_F_DUMP_INTR) or the socket
 * overflowed, at most BW_NL_DUMP_TRIES times. Kernel side filters need strict checking, which is
 * switched on.
 * Return: 0; -errno; -EAGAIN class BUSY: it never came through unchanged.
 */
int bw_nl_dump(struct bw_nl *nl, struct bw_nl_batch *b, bw_nl_fn fn, void *arg, struct bw_err *err);

/**
 * bw_nl_attrs() - index attributes by type
 * @nlh: message
 * @head_size: bytes of the family's fixed header
 * @tb: @max + 1 slots; absent ones become NULL, of doubles the last counts
 * @max: highest type wanted
 *
 * Attributes that do not lie whole in the message end the walk.
 */
void bw_nl_attrs(const struct nlmsghdr *nlh, size_t head_size, const struct nlattr **tb,
		 uint16_t max);

/* The same for a nest; NULL gives nothing. @skip: bytes of a fixed header inside the nest. */
void bw_nl_attrs_nested(const struct nlattr *nest, size_t skip, const struct nlattr **tb,
			uint16_t max);

/**
 * bw_nl_next() - walk the messages of a datagram
 * @p: where to look; moves behind the message
 * @left: bytes from there
 *
 * libmnl's own walk never ends on a length of 0xffffffff.
 * Return: a message that lies whole in the rest; NULL when there is none.
 */
const struct nlmsghdr *bw_nl_next(const unsigned char **p, size_t *left);

/**
 * bw_nl_next_attr() - walk attributes
 * @p: where to look; moves behind the attribute
 * @left: bytes from there, exact: libmnl's own walk rounds a message's end up and reads beyond
 *
 * Return: an attribute that lies whole in the rest; NULL when there is none.
 */
const struct nlattr *bw_nl_next_attr(const unsigned char **p, size_t *left);

/* Start and size of a message's attributes, for bw_nl_next_attr(); size 0 when there are none. */
const unsigned char *bw_nl_attrs_of(const struct nlmsghdr *nlh, size_t head_size, size_t *ret_size);

/* Bounded reads: @def when the attribute is NULL or too short. */
uint8_t bw_nl_u8(const struct nlattr *a, uint8_t def);
uint16_t bw_nl_u16(const struct nlattr *a, uint16_t def);
uint32_t bw_nl_u32(const struct nlattr *a, uint32_t def);
uint64_t bw_nl_u64(const struct nlattr *a, uint64_t def);

/* Copies text, cut to @size - 1 characters, always terminated; empty when NULL. */
void bw_nl_str(const struct nlattr *a, char *out, size_t size);

/* Whether the attribute is text equal to @s. */
int bw_nl_str_eq(const struct nlattr *a, const char *s);

/* Copies exactly @size bytes. 1 when it was there and of that size at least, else 0. */
int bw_nl_bytes(const struct nlattr *a, void *out, size_t size);

/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink messages: building into a batch and reading attributes. Pure: no I/O. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include <bw/nl.h>

void bw_nl_batch_init(struct bw_nl_batch *b)
{
	b->size = 0;
	b->n = 0;
	b->overflow = 0;
	b->failed = -1;
}

/* The last message when @size more bytes fit; else the batch is marked. */
static struct nlmsghdr *last_with_room(struct bw_nl_batch *b, size_t size)
{
	if (b->overflow || !b->n || size > BW_NL_BATCH_SIZE - b->size) {
		b->overflow = 1;
		return NULL;
	}
	return (void *)(b->data + b->ops[b->n - 1].offset);
}

static void grown(struct bw_nl_batch *b, const struct nlmsghdr *nlh)
{
	b->size = b->ops[b->n - 1].offset + (uint32_t)MNL_ALIGN(nlh->nlmsg_len);
}

void bw_nl_msg(struct bw_nl_batch *b, uint16_t type, uint16_t flags, const void *head,
	       size_t head_size, const char *fmt, ...)
{
	struct bw_nl_op *op;
	struct nlmsghdr *nlh;
	va_list ap;

	if (b->overflow || b->n == BW_NL_OPS_MAX ||
	    MNL_NLMSG_HDRLEN + MNL_ALIGN(head_size) > BW_NL_BATCH_SIZE - b->size) {
		b->overflow = 1;
		return;
	}
	op = &b->ops[b->n++];
	*op = (struct bw_nl_op){ .offset = b->size, .result = 1 };
	va_start(ap, fmt);
	(void)vsnprintf(op->what, sizeof(op->what), fmt, ap); /* a cut name still helps, ignoring */
	va_end(ap);
	nlh = mnl_nlmsg_put_header(b->data + op->offset);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags | NLM_F_REQUEST;
	if (head_size)
		memcpy(mnl_nlmsg_put_extra_header(nlh, head_size), head, head_size);
	grown(b, nlh);
}

void bw_nl_put(struct bw_nl_batch *b, uint16_t type, const void *data, size_t size)
{
	struct nlmsghdr *nlh;

	if (size > BW_NL_BATCH_SIZE) {
		b->overflow = 1;
		return;
	}
	nlh = last_with_room(b, MNL_ATTR_HDRLEN + MNL_ALIGN(size));
	if (!nlh)
		return;
	/* libmnl leaves padding as it is: equal attributes would differ in bytes. */
	memset(b->data + b->size, 0, MNL_ATTR_HDRLEN + MNL_ALIGN(size));
	mnl_attr_put(nlh, type, size, data);
	grown(b, nlh);
}

void bw_nl_put_u8(struct bw_nl_batch *b, uint16_t type, uint8_t v)
{
	bw_nl_put(b, type, &v, sizeof(v));
}

void bw_nl_put_u16(struct bw_nl_batch *b, uint16_t type, uint16_t v)
{
	bw_nl_put(b, type, &v, sizeof(v));
}

void bw_nl_put_u32(struct bw_nl_batch *b, uint16_t type, uint32_t v)
{
	bw_nl_put(b, type, &v, sizeof(v));
}

void bw_nl_put_be32(struct bw_nl_batch *b, uint16_t type, uint32_t v)
{
	bw_nl_put_u32(b, type, htonl(v));
}

void bw_nl_put_str(struct bw_nl_batch *b, uint16_t type, const char *s)
{
	bw_nl_put(b, type, s, strlen(s) + 1);
}

void bw_nl_put_raw(struct bw_nl_batch *b, const void *data, size_t size)
{
	struct nlmsghdr *nlh = NULL;

	if (size <= BW_NL_BATCH_SIZE)
		nlh = last_with_room(b, MNL_ALIGN(size));
	if (!nlh) {
		b->overflow = 1;
		return;
	}
	memset(b->data + b->size, 0, MNL_ALIGN(size));
	memcpy(b->data + b->size, data, size);
	nlh->nlmsg_len = (uint32_t)(MNL_ALIGN(nlh->nlmsg_len) + MNL_ALIGN(size));
	grown(b, nlh);
}

uint32_t bw_nl_nest(struct bw_nl_batch *b, uint16_t type)
{
	uint32_t at = b->size;

	bw_nl_put(b, type, "", 0);
	return at;
}

void bw_nl_nest_end(struct bw_nl_batch *b, uint32_t nest)
{
	struct nlattr *a;

	if (b->overflow)
		return;
	a = (void *)(b->data + nest);
	a->nla_len = (uint16_t)(b->size - nest); /* a batch is smaller than 64 KiB */
}

void bw_nl_tolerate(struct bw_nl_batch *b, int errnum)
{
	struct bw_nl_op *op = b->n ? &b->ops[b->n - 1] : NULL;
	size_t i = 0;

	if (!op)
		return;
	while (i < BW_NL_TOLERATE_MAX && op->tolerate[i])
		i++;
	assert(i < BW_NL_TOLERATE_MAX);
	op->tolerate[i] = errnum;
}

void bw_nl_on_reply(struct bw_nl_batch *b, bw_nl_fn fn, void *arg)
{
	if (!b->n)
		return;
	b->ops[b->n - 1].on_reply = fn;
	b->ops[b->n - 1].arg = arg;
}

const struct nlattr *bw_nl_next_attr(const unsigned char **p, size_t *left)
{
	const struct nlattr *a = (const void *)*p;
	size_t step;

	if (*left < MNL_ATTR_HDRLEN || a->nla_len < MNL_ATTR_HDRLEN || a->nla_len > *left)
		return NULL;
	step = MNL_ALIGN((size_t)a->nla_len);
	if (step > *left)
		step = *left;
	*p += step;
	*left -= step;
	return a;
}

const unsigned char *bw_nl_attrs_of(const struct nlmsghdr *nlh, size_t head_size, size_t *ret_size)
{
	size_t skip = MNL_NLMSG_HDRLEN + MNL_ALIGN(head_size);

	*ret_size = nlh->nlmsg_len < skip ? 0 : nlh->nlmsg_len - skip;
	return (const unsigned char *)nlh + skip;
}

static void index_attrs(const unsigned char *p, size_t left, const struct nlattr **tb, uint16_t max)
{
	const struct nlattr *a;

	memset(tb, 0, (max + 1U) * sizeof(*tb));
	while ((a = bw_nl_next_attr(&p, &left)))
		if ((a->nla_type & NLA_TYPE_MASK) <= max)
			tb[a->nla_type & NLA_TYPE_MASK] = a;
}

void bw_nl_attrs(const struct nlmsghdr *nlh, size_t head_size, const struct nlattr **tb,
		 uint16_t max)
{
	size_t size;
	const unsigned char *p = bw_nl_attrs_of(nlh, head_size, &size);

	index_attrs(p, size, tb, max);
}

void bw_nl_attrs_nested(const struct nlattr *nest, size_t skip, const struct nlattr **tb,
			uint16_t max)
{
	size_t head = MNL_ATTR_HDRLEN + MNL_ALIGN(skip);

	if (!nest || nest->nla_len < head)
		memset(tb, 0, (max + 1U) * sizeof(*tb));
	else
		index_attrs((const unsigned char *)nest + head, nest->nla_len - head, tb, max);
}

const struct nlmsghdr *bw_nl_next(const unsigned char **p, size_t *left)
{
	const struct nlmsghdr *nlh = (const void *)*p;
	size_t step;

	if (*left < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > *left)
		return NULL;
	step = MNL_ALIGN((size_t)nlh->nlmsg_len);
	if (step > *left)
		step = *left;
	*p += step;
	*left -= step;
	return nlh;
}

int bw_nl_bytes(const struct nlattr *a, void *out, size_t size)
{
	if (!a || mnl_attr_get_payload_len(a) < size)
		return 0;
	memcpy(out, mnl_attr_get_payload(a), size);
	return 1;
}

uint8_t bw_nl_u8(const struct nlattr *a, uint8_t def)
{
	(void)bw_nl_bytes(a, &def, sizeof(def)); /* the default stays, ignoring */
	return def;
}

uint16_t bw_nl_u16(const struct nlattr *a, uint16_t def)
{
	(void)bw_nl_bytes(a, &def, sizeof(def)); /* the default stays, ignoring */
	return def;
}

uint32_t bw_nl_u32(const struct nlattr *a, uint32_t def)
{
	(void)bw_nl_bytes(a, &def, sizeof(def)); /* the default stays, ignoring */
	return def;
}

uint64_t bw_nl_u64(const struct nlattr *a, uint64_t def)
{
	(void)bw_nl_bytes(a, &def, sizeof(def)); /* the default stays, ignoring */
	return def;
}

void bw_nl_str(const struct nlattr *a, char *out, size_t size)
{
	size_t len = a ? strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)) : 0;

	if (len > size - 1)
		len = size - 1;
	if (len)
		memcpy(out, mnl_attr_get_payload(a), len);
	out[len] = '\0';
}

int bw_nl_str_eq(const struct nlattr *a, const char *s)
{
	size_t len = strlen(s);

	return a && strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)) == len &&
	       memcmp(mnl_attr_get_payload(a), s, len) == 0;
}

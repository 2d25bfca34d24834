/* SPDX-License-Identifier: Apache-2.0 */
/* Masquerade rules: what they consist of, and transactions over them. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include <bw/err.h>
#include <bw/nft.h>
#include <bw/nl.h>

#define PRIO_SRCNAT 100 /* NF_IP_PRI_NAT_SRC, linux/netfilter_ipv4.h */
#define UDATA_COMMENT 0 /* NFTNL_UDATA_RULE_COMMENT, libnftnl/udata.h; what nft(8) prints */
#define UDATA_HEAD 2 /* type, length */
#define TRIES 16 /* a transaction that met another writer starts again */
#define DELETES_MAX 48 /* rules removed by one transaction */
#define NFT_MSG(t) ((uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | (t)))

static const int families[] = { AF_INET, AF_INET6 };

/* Where the addresses are in a packet, and which destinations are groups. */
struct layout {
	uint32_t saddr, daddr, size; /* bytes from the network header */
	uint8_t group_len;
	uint8_t group_first;
};

static const struct layout layout4 = { 12, 16, 4, 4, 0xe0 }; /* 224.0.0.0/4, RFC 791, RFC 5771 */
static const struct layout layout6 = { 8, 24, 16, 8, 0xff }; /* ff00::/8, RFC 8200, RFC 4291 */

const char *bw_nft_part(const char *s, char out[BW_NFT_PART_MAX + 1])
{
	size_t len = strlen(s);

	/* Both formats fit by their lengths, ignoring the results. */
	if (len <= BW_NFT_PART_MAX)
		(void)snprintf(out, BW_NFT_PART_MAX + 1, "%s", s);
	else
		(void)snprintf(out, BW_NFT_PART_MAX + 1, "#%016llx",
			       (unsigned long long)bw_fnv64(BW_FNV64_BASIS, s, len));
	return out;
}

static void comment_of(const struct bw_nft_owner *o, char out[BW_NFT_COMMENT_MAX])
{
	char network[BW_NFT_PART_MAX + 1], cid[BW_NFT_PART_MAX + 1];

	/* Fits by the parts' lengths, ignoring. */
	(void)snprintf(out, BW_NFT_COMMENT_MAX, "%s %s %.15s", bw_nft_part(o->network, network),
		       bw_nft_part(o->container_id, cid), o->ifname);
}

static void msg(struct bw_nl_batch *b, uint16_t type, uint16_t flags, int family, const char *what)
{
	struct nfgenmsg head = { .nfgen_family = (uint8_t)family, .version = NFNETLINK_V0 };

	bw_nl_msg(b, NFT_MSG(type), flags, &head, sizeof(head), "%s", what);
}

static void put_edge(struct bw_nl_batch *b, uint16_t type)
{
	struct nfgenmsg head = { .nfgen_family = AF_UNSPEC,
				 .version = NFNETLINK_V0,
				 .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	bw_nl_msg(b, type, 0, &head, sizeof(head), "change nf_tables");
}

static uint32_t open_expr(struct bw_nl_batch *b, const char *name, uint32_t *ret_data)
{
	uint32_t elem = bw_nl_nest(b, NFTA_LIST_ELEM | NLA_F_NESTED);

	bw_nl_put_str(b, NFTA_EXPR_NAME, name);
	*ret_data = bw_nl_nest(b, NFTA_EXPR_DATA | NLA_F_NESTED);
	return elem;
}

static void close_expr(struct bw_nl_batch *b, uint32_t elem, uint32_t data)
{
	bw_nl_nest_end(b, data);
	bw_nl_nest_end(b, elem);
}

static void put_value(struct bw_nl_batch *b, uint16_t type, const uint8_t *v, size_t size)
{
	uint32_t nest = bw_nl_nest(b, type | NLA_F_NESTED);

	bw_nl_put(b, NFTA_DATA_VALUE, v, size);
	bw_nl_nest_end(b, nest);
}

/* register 1 = bytes of the network header */
static void put_load(struct bw_nl_batch *b, uint32_t offset, uint32_t size)
{
	uint32_t data, elem = open_expr(b, "payload", &data);

	bw_nl_put_be32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	bw_nl_put_be32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	bw_nl_put_be32(b, NFTA_PAYLOAD_OFFSET, offset);
	bw_nl_put_be32(b, NFTA_PAYLOAD_LEN, size);
	close_expr(b, elem, data);
}

/* register 1 &= the first @len bits */
static void put_mask(struct bw_nl_batch *b, uint8_t len, uint32_t size)
{
	uint32_t data, elem = open_expr(b, "bitwise", &data);
	uint8_t mask[16] = { 0 }, none[16] = { 0 };

	for (unsigned int i = 0; i < len; i++)
		mask[i / 8] |= (uint8_t)(0x80U >> (i % 8));
	bw_nl_put_be32(b, NFTA_BITWISE_SREG, NFT_REG_1);
	bw_nl_put_be32(b, NFTA_BITWISE_DREG, NFT_REG_1);
	bw_nl_put_be32(b, NFTA_BITWISE_LEN, size);
	put_value(b, NFTA_BITWISE_MASK, mask, size);
	put_value(b, NFTA_BITWISE_XOR, none, size);
	close_expr(b, elem, data);
}

/* go on only if register 1 compares so */
static void put_cmp(struct bw_nl_batch *b, uint32_t op, const uint8_t *v, uint32_t size)
{
	uint32_t data, elem = open_expr(b, "cmp", &data);

	bw_nl_put_be32(b, NFTA_CMP_SREG, NFT_REG_1);
	bw_nl_put_be32(b, NFTA_CMP_OP, op);
	put_value(b, NFTA_CMP_DATA, v, size);
	close_expr(b, elem, data);
}

/* saddr == address, daddr not in its subnet, daddr no group: masquerade. */
static void put_exprs(struct bw_nl_batch *b, const struct bw_prefix *a)
{
	const struct layout *l = a->ip.family == AF_INET ? &layout4 : &layout6;
	struct bw_ip net = bw_prefix_first(a);
	uint8_t group[16] = { l->group_first };
	uint32_t list = bw_nl_nest(b, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED);
	uint32_t data, elem;

	put_load(b, l->saddr, l->size);
	put_cmp(b, NFT_CMP_EQ, bw_ip_bytes(&a->ip), l->size);
	put_load(b, l->daddr, l->size);
	put_mask(b, a->len, l->size);
	put_cmp(b, NFT_CMP_NEQ, bw_ip_bytes(&net), l->size);
	put_load(b, l->daddr, l->size);
	put_mask(b, l->group_len, l->size);
	put_cmp(b, NFT_CMP_NEQ, group, l->size);
	elem = open_expr(b, "masq", &data);
	close_expr(b, elem, data);
	bw_nl_nest_end(b, list);
}

static void put_comment(struct bw_nl_batch *b, const char *comment)
{
	uint8_t udata[UDATA_HEAD + BW_NFT_COMMENT_MAX];
	size_t len = strlen(comment) + 1;

	udata[0] = UDATA_COMMENT;
	udata[1] = (uint8_t)len;
	memcpy(udata + UDATA_HEAD, comment, len);
	bw_nl_put(b, NFTA_RULE_USERDATA, udata, UDATA_HEAD + len);
}

static void put_chain(struct bw_nl_batch *b, int family)
{
	uint32_t hook;

	msg(b, NFT_MSG_NEWTABLE, NLM_F_ACK | NLM_F_CREATE, family, "create nf_tables table");
	bw_nl_put_str(b, NFTA_TABLE_NAME, BW_NFT_TABLE);
	msg(b, NFT_MSG_NEWCHAIN, NLM_F_ACK | NLM_F_CREATE, family, "create nf_tables NAT chain");
	bw_nl_put_str(b, NFTA_CHAIN_TABLE, BW_NFT_TABLE);
	bw_nl_put_str(b, NFTA_CHAIN_NAME, BW_NFT_CHAIN);
	hook = bw_nl_nest(b, NFTA_CHAIN_HOOK | NLA_F_NESTED);
	bw_nl_put_be32(b, NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING);
	bw_nl_put_be32(b, NFTA_HOOK_PRIORITY, PRIO_SRCNAT);
	bw_nl_nest_end(b, hook);
	bw_nl_put_str(b, NFTA_CHAIN_TYPE, "nat");
}

static void put_rule_head(struct bw_nl_batch *b, uint16_t type, uint16_t flags, int family,
			  const char *what)
{
	msg(b, type, flags, family, what);
	bw_nl_put_str(b, NFTA_RULE_TABLE, BW_NFT_TABLE);
	bw_nl_put_str(b, NFTA_RULE_CHAIN, BW_NFT_CHAIN);
}

static void put_delete(struct bw_nl_batch *b, int family, uint64_t handle)
{
	uint64_t be = htobe64(handle);

	put_rule_head(b, NFT_MSG_DELRULE, NLM_F_ACK, family, "remove masquerade rule");
	bw_nl_put(b, NFTA_RULE_HANDLE, &be, sizeof(be));
}

/* Copies one blank-ended part of a comment. Returns what follows; NULL when it does not fit. */
static const char *take_part(const char *s, char *out, size_t size)
{
	size_t len = s ? strcspn(s, " ") : 0;

	if (!len || len >= size)
		return NULL;
	memcpy(out, s, len);
	out[len] = '\0';
	return s[len] ? s + len + 1 : s + len;
}

int bw_nft_rule_parse(const struct nlmsghdr *nlh, struct bw_nft_rule *ret)
{
	const struct nlattr *tb[NFTA_RULE_USERDATA + 1];
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(nlh);
	char comment[BW_NFT_COMMENT_MAX];
	struct bw_nft_rule r = { 0 };
	const uint8_t *u;
	const char *s;
	size_t size;

	if (nlh->nlmsg_type != NFT_MSG(NFT_MSG_NEWRULE) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*head))
		return 0;
	bw_nl_attrs(nlh, sizeof(*head), tb, NFTA_RULE_USERDATA);
	if (!tb[NFTA_RULE_USERDATA] || !bw_nl_str_eq(tb[NFTA_RULE_TABLE], BW_NFT_TABLE) ||
	    !bw_nl_bytes(tb[NFTA_RULE_HANDLE], &r.handle, sizeof(r.handle)))
		return 0;
	u = mnl_attr_get_payload(tb[NFTA_RULE_USERDATA]);
	size = mnl_attr_get_payload_len(tb[NFTA_RULE_USERDATA]);
	if (size < UDATA_HEAD || u[0] != UDATA_COMMENT || u[1] > size - UDATA_HEAD ||
	    u[1] >= sizeof(comment))
		return 0;
	memcpy(comment, u + UDATA_HEAD, u[1]);
	comment[u[1]] = '\0';
	r.family = head->nfgen_family;
	r.handle = be64toh(r.handle);
	s = take_part(comment, r.network, sizeof(r.network));
	s = take_part(s, r.container_id, sizeof(r.container_id));
	s = take_part(s, r.ifname, sizeof(r.ifname));
	if (!s || *s)
		return 0;
	*ret = r;
	return 1;
}

/* Rules that a visitor wants deleted, as many as one transaction takes. */
struct victims {
	const struct bw_nft_visitor *v;
	struct {
		int family;
		uint64_t handle;
	} rules[DELETES_MAX];
	size_t n;
	size_t n_before; /* of the family dumped before this one */
	int more;
};

static int on_rule(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	struct victims *d = arg;
	struct bw_nft_rule rule;
	int r;

	if (!nlh) {
		d->n = d->n_before;
		return 0;
	}
	if (!bw_nft_rule_parse(nlh, &rule))
		return 0;
	r = d->v->visit(&rule, d->v->arg, err);
	if (r <= 0)
		return r;
	if (d->n == DELETES_MAX) {
		d->more = 1;
		return 0;
	}
	d->rules[d->n].family = rule.family;
	d->rules[d->n++].handle = rule.handle;
	return 0;
}

/* The kernel lists one table of a name, so each family is asked for. */
static int dump_rules(struct bw_nl *nl, int family, bw_nl_fn fn, void *arg, struct bw_err *err)
{
	bw_nl_batch_init(&nl->once);
	put_rule_head(&nl->once, NFT_MSG_GETRULE, 0, family, "list masquerade rules");
	bw_nl_tolerate(&nl->once, ENOENT);
	bw_nl_tolerate(&nl->once, EAFNOSUPPORT);
	return bw_nl_dump(nl, &nl->once, fn, arg, err);
}

static int is_race(int r)
{
	/* A rule went meanwhile; another transaction came first; the dump did not settle. */
	return r == -ENOENT || r == -EAGAIN || r == -EINTR || r == -EBUSY;
}

static int explain(int r, struct bw_err *err)
{
	if (r != -EOPNOTSUPP && r != -EPROTONOSUPPORT && r != -EAFNOSUPPORT && r != -ENOENT)
		return r;
	(void)bw_wrap(err, r,
		      "this kernel cannot masquerade by nf_tables"); /* text only, ignoring */
	if (err)
		err->class = BW_ERR_UNSUPPORTED;
	return -EOPNOTSUPP;
}

static void put_rules(struct bw_nl_batch *b, const char *comment, const struct bw_prefix *addrs,
		      size_t n)
{
	for (size_t f = 0; f < BW_ARRAY_SIZE(families); f++) {
		int chained = 0;

		for (size_t i = 0; i < n; i++) {
			if (addrs[i].ip.family != families[f])
				continue;
			if (!chained)
				put_chain(b, families[f]);
			chained = 1;
			put_rule_head(b, NFT_MSG_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND,
				      families[f], "add masquerade rule");
			put_exprs(b, &addrs[i]);
			put_comment(b, comment);
		}
	}
}

/* One transaction of deletes. 1 = there are more. */
static int delete_once(struct bw_nl *nl, const struct bw_nft_visitor *v, struct bw_err *err)
{
	struct bw_nl_batch *b = &nl->once;
	struct victims d = { .v = v };
	int r = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(families) && r >= 0; i++) {
		d.n_before = d.n;
		r = dump_rules(nl, families[i], on_rule, &d, err);
	}
	if (r < 0 || !d.n)
		return r < 0 ? r : 0;
	bw_nl_batch_init(b);
	put_edge(b, NFNL_MSG_BATCH_BEGIN);
	for (size_t i = 0; i < d.n; i++)
		put_delete(b, d.rules[i].family, d.rules[i].handle);
	put_edge(b, NFNL_MSG_BATCH_END);
	r = bw_nl_talk(nl, b, err);
	return r < 0 ? r : d.more;
}

static int is_owners(const struct bw_nft_rule *rule, void *arg, struct bw_err *err)
{
	char comment[BW_NFT_COMMENT_MAX];

	(void)err;
	/* Fits by the parts' lengths, ignoring. */
	(void)snprintf(comment, sizeof(comment), "%s %s %s", rule->network, rule->container_id,
		       rule->ifname);
	return strcmp(comment, arg) == 0;
}

int bw_nft_masq_add(struct bw_nl *nl, const struct bw_nft_owner *owner,
		    const struct bw_prefix *addrs, size_t n, struct bw_err *err)
{
	char comment[BW_NFT_COMMENT_MAX];
	struct bw_nl_batch *b = &nl->once;
	int r = 0;

	if (n > BW_NFT_ADDRS_MAX)
		return bw_fail(err, E2BIG, "masquerade %zu addresses", n);
	comment_of(owner, comment);
	for (int tries = 0; n && tries < TRIES; tries++) {
		bw_nl_batch_init(b);
		put_edge(b, NFNL_MSG_BATCH_BEGIN);
		put_rules(b, comment, addrs, n);
		put_edge(b, NFNL_MSG_BATCH_END);
		r = bw_nl_talk(nl, b, err);
		if (!is_race(r))
			break;
	}
	return r < 0 ? explain(r, err) : 0;
}

int bw_nft_masq_sweep(struct bw_nl *nl, const struct bw_nft_visitor *v, struct bw_err *err)
{
	int r = 0;

	for (int tries = 0; tries < TRIES;) {
		r = delete_once(nl, v, err);
		if (r == 0 || (r < 0 && !is_race(r)))
			return r;
		/* Every success removes DELETES_MAX rules, so only races are counted. */
		tries += r < 0;
	}
	return r;
}

int bw_nft_masq_del(struct bw_nl *nl, const struct bw_nft_owner *owner, struct bw_err *err)
{
	char comment[BW_NFT_COMMENT_MAX];
	struct bw_nft_visitor v = { is_owners, comment };

	comment_of(owner, comment);
	return bw_nft_masq_sweep(nl, &v, err);
}

struct count {
	const char *comment;
	int n;
	int n_before;
};

static int on_counted(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	struct count *c = arg;
	struct bw_nft_rule rule;

	if (!nlh)
		c->n = c->n_before;
	else if (bw_nft_rule_parse(nlh, &rule))
		c->n += is_owners(&rule, (void *)(uintptr_t)c->comment, err);
	return 0;
}

int bw_nft_masq_count(struct bw_nl *nl, const struct bw_nft_owner *owner, struct bw_err *err)
{
	char comment[BW_NFT_COMMENT_MAX];
	struct count c = { .comment = comment };
	int r = 0;

	comment_of(owner, comment);
	for (size_t i = 0; i < BW_ARRAY_SIZE(families) && r >= 0; i++) {
		c.n_before = c.n;
		r = dump_rules(nl, families[i], on_counted, &c, err);
	}
	return r < 0 ? r : c.n;
}

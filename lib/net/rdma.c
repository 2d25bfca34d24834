/* SPDX-License-Identifier: Apache-2.0 */
/* RDMA devices over nldev: find, move, and whether they can be moved. */
#include <rdma/rdma_netlink.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include <bw/err.h>
#include <bw/nl.h>
#include <bw/rdma.h>

#define NLDEV(cmd) ((uint16_t)RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, cmd))
#define PORT_FIRST 1U /* ports of RDMA devices are counted from 1 */
#define MODE_EXCLUSIVE 0 /* RDMA_NLDEV_SYS_ATTR_NETNS_MODE: 1 = shared, rdma/rdma_netlink.h */

/* nldev has no fixed header: attributes follow the message's own. */
int bw_rdma_parse(const struct nlmsghdr *nlh, struct bw_rdma_dev *ret)
{
	const struct nlattr *tb[RDMA_NLDEV_ATTR_DEV_NAME + 1];
	struct bw_rdma_dev d = { 0 };

	if (nlh->nlmsg_type != NLDEV(RDMA_NLDEV_CMD_GET))
		return -EPROTO;
	bw_nl_attrs(nlh, 0, tb, RDMA_NLDEV_ATTR_DEV_NAME);
	if (!bw_nl_bytes(tb[RDMA_NLDEV_ATTR_DEV_INDEX], &d.index, sizeof(d.index)))
		return -EPROTO;
	bw_nl_str(tb[RDMA_NLDEV_ATTR_DEV_NAME], d.name, sizeof(d.name));
	if (!d.name[0])
		return -EPROTO;
	*ret = d;
	return 0;
}

int bw_rdma_parse_mode(const struct nlmsghdr *nlh, int *ret_exclusive)
{
	const struct nlattr *tb[RDMA_NLDEV_SYS_ATTR_NETNS_MODE + 1];
	uint8_t mode;

	if (nlh->nlmsg_type != NLDEV(RDMA_NLDEV_CMD_SYS_GET))
		return -EPROTO;
	bw_nl_attrs(nlh, 0, tb, RDMA_NLDEV_SYS_ATTR_NETNS_MODE);
	if (!bw_nl_bytes(tb[RDMA_NLDEV_SYS_ATTR_NETNS_MODE], &mode, sizeof(mode)))
		return -EPROTO;
	*ret_exclusive = mode == MODE_EXCLUSIVE;
	return 0;
}

static int on_mode(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	int r = bw_rdma_parse_mode(nlh, arg);

	return r < 0 ? bw_fail(err, -r, "read mode of the RDMA subsystem") : 0;
}

int bw_rdma_exclusive(struct bw_nl *nl, int *ret, struct bw_err *err)
{
	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, NLDEV(RDMA_NLDEV_CMD_SYS_GET), 0, NULL, 0,
		  "get mode of the RDMA subsystem");
	bw_nl_on_reply(&nl->once, on_mode, ret);
	return bw_nl_talk(nl, &nl->once, err);
}

struct list {
	bw_rdma_fn fn;
	void *arg;
};

static int on_dev(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	const struct list *l = arg;
	struct bw_rdma_dev dev;

	/* There are few devices: nldev gives them in one go and never says that they changed. */
	if (!nlh || bw_rdma_parse(nlh, &dev) < 0)
		return 0;
	return l->fn(&dev, l->arg, err);
}

int bw_rdma_list(struct bw_nl *nl, bw_rdma_fn fn, void *arg, struct bw_err *err)
{
	struct list l = { fn, arg };

	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, NLDEV(RDMA_NLDEV_CMD_GET), 0, NULL, 0, "list RDMA devices");
	return bw_nl_dump(nl, &nl->once, on_dev, &l, err);
}

struct find {
	const char *name;
	int found;
	struct bw_rdma_dev dev;
};

static int on_candidate(const struct bw_rdma_dev *dev, void *arg, struct bw_err *err)
{
	struct find *f = arg;

	(void)err;
	if (strcmp(dev->name, f->name) == 0) {
		f->found = 1;
		f->dev = *dev;
	}
	return 0;
}

int bw_rdma_find(struct bw_nl *nl, const char *name, struct bw_rdma_dev *ret, struct bw_err *err)
{
	struct find f = { .name = name };
	int r = bw_rdma_list(nl, on_candidate, &f, err);

	if (r < 0)
		return r;
	if (f.found)
		*ret = f.dev;
	return f.found;
}

void bw_rdma_put_netns(struct bw_nl_batch *b, uint32_t index, const char *name, int ns_fd)
{
	bw_nl_msg(b, NLDEV(RDMA_NLDEV_CMD_SET), NLM_F_ACK, NULL, 0, "move RDMA device %s", name);
	bw_nl_put_u32(b, RDMA_NLDEV_ATTR_DEV_INDEX, index);
	bw_nl_put_u32(b, RDMA_NLDEV_NET_NS_FD, (uint32_t)ns_fd);
}

int bw_rdma_set_netns(struct bw_nl *nl, const struct bw_rdma_dev *dev, int ns_fd,
		      struct bw_err *err)
{
	bw_nl_batch_init(&nl->once);
	bw_rdma_put_netns(&nl->once, dev->index, dev->name, ns_fd);
	return bw_nl_talk(nl, &nl->once, err);
}

int bw_rdma_parse_netdev(const struct nlmsghdr *nlh, int *ret_ifindex)
{
	const struct nlattr *tb[RDMA_NLDEV_ATTR_NDEV_INDEX + 1];

	if (nlh->nlmsg_type != NLDEV(RDMA_NLDEV_CMD_PORT_GET))
		return -EPROTO;
	bw_nl_attrs(nlh, 0, tb, RDMA_NLDEV_ATTR_NDEV_INDEX);
	*ret_ifindex = (int)bw_nl_u32(tb[RDMA_NLDEV_ATTR_NDEV_INDEX], 0);
	return 0;
}

static int on_port(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	int r = bw_rdma_parse_netdev(nlh, arg);

	return r < 0 ? bw_fail(err, -r, "read a port of an RDMA device") : 0;
}

int bw_rdma_netdev(struct bw_nl *nl, const struct bw_rdma_dev *dev, int *ret_ifindex,
		   struct bw_err *err)
{
	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, NLDEV(RDMA_NLDEV_CMD_PORT_GET), 0, NULL, 0,
		  "get port of RDMA device %s", dev->name);
	bw_nl_put_u32(&nl->once, RDMA_NLDEV_ATTR_DEV_INDEX, dev->index);
	bw_nl_put_u32(&nl->once, RDMA_NLDEV_ATTR_PORT_INDEX, PORT_FIRST);
	bw_nl_on_reply(&nl->once, on_port, ret_ifindex);
	return bw_nl_talk(nl, &nl->once, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive doubly linked ring: the head is a node of its own. */
#pragma once

#include <bw/defs.h>

struct bw_list {
	struct bw_list *next;
	struct bw_list *prev;
};

#define BW_LIST_INIT(head)                                                                         \
	{                                                                                          \
		&(head), &(head)                                                                   \
	}
#define bw_list_entry(node, type, member) BW_CONTAINER_OF(node, type, member)
/* NOLINTBEGIN(bugprone-macro-parentheses): @node is a name that is declared */
#define bw_list_for_each(node, head)                                                               \
	for (struct bw_list *node = (head)->next, *node##_next = node->next; node != (head);       \
	     node = node##_next, node##_next = node->next)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void bw_list_init(struct bw_list *head)
{
	head->next = head;
	head->prev = head;
}

static inline int bw_list_empty(const struct bw_list *head)
{
	return head->next == head;
}

static inline void bw_list_add_tail(struct bw_list *head, struct bw_list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void bw_list_del(struct bw_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	bw_list_init(node);
}

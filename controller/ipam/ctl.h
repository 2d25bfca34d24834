/* SPDX-License-Identifier: Apache-2.0 */
/* What the reconcilers share: the state of one ipam, and the writes they make. */
#pragma once

#include <bw/kube_conds.h>
#include <bw/kube_controller.h>
#include <bw/kube_text.h>
#include <bw/loop.h>
#include <gen/k8s.h>
#include <gen/net.h>

#include "book.h"
#include "ipam.h"
#include "pools.h"
#include "wait.h"

#define CTL_PREFIX "net.barewire.dev/"
#define CTL_FINALIZER CTL_PREFIX "claim"
#define CTL_POOL_FINALIZER CTL_PREFIX "pool"
#define CTL_ANN_CLAIM CTL_PREFIX "claim"
#define CTL_ANN_NETWORK CTL_PREFIX "network"
#define CTL_ANN_ADDRESS CTL_PREFIX "address"
#define CTL_ANN_RETAIN CTL_PREFIX "retain"
#define CTL_ANN_RELEASE CTL_PREFIX "release-token"
#define CTL_ANN_DROPPED CTL_PREFIX "dropped"
#define CTL_ANN_SWEEP CTL_PREFIX "sweep"
#define CTL_EPOCH_NAME "cluster"
#define CTL_ANN_RESTORED CTL_PREFIX "restored-from" /* NetworkEpoch: the epoch that was lost */
#define CTL_ANN_LAST CTL_PREFIX "last-restore" /* NetworkEpoch: the same, since it is healed */
#define CTL_PAST_MAX 24 /* bytes of either's text: an epoch's digits */
#define CTL_ANN_ASKED CTL_PREFIX "asked" /* NetworkEpoch: when nodes were asked what they have */
#define CTL_ANN_RAISED                                                                             \
	CTL_PREFIX "raised" /* NetworkEpoch: when somebody led who could allocate                  \
			     */
#define CTL_ANN_ALLOW_DELETE CTL_PREFIX "allow-delete"
#define CTL_NODE_LABEL "domain.net.barewire.dev/"
#define CTL_TAINT_FENCED "node.kubernetes.io/out-of-service" /* KEP-2268 */

#define CTL_INDEX_CLAIM "claim" /* pods: "namespace/claim" by annotation */
#define CTL_INDEX_HOLDER "holder" /* claims: node of the holder */
#define CTL_INDEX_UNIT "unit" /* claims: "namespace/pod" by unitRef */
#define CTL_INDEX_NODE "node" /* pods: node */

#define CTL_KEY_MAX (BW_KUBE_NS_MAX + BW_KUBE_NAME_MAX + 2) /* bytes of "namespace/name" */

struct ctl_stores {
	struct bw_kube_store *claims;
	struct bw_kube_store *addresses;
	struct bw_kube_store *pools;
	struct bw_kube_store *reservations;
	struct bw_kube_store *node_networks;
	struct bw_kube_store *epochs;
	struct bw_kube_store *pods;
	struct bw_kube_store *nodes;
	struct bw_kube_store *namespaces;
	struct bw_kube_store *policies;
};

/* What a live read of a Node said: this UID is there no more. */
struct ctl_gone_node {
	struct bw_list node;
	char uid[]; /* of the Node */
};

/* A text that was said already: a Warning on a pod. */
struct ctl_said {
	struct bw_list node;
	char text[];
};
#define CTL_SAID_BUCKETS 256
#define CTL_SAID_MAX 65536 /* more than that is not said */

/* An address that this leader has deleted, and whose it was. */
struct ctl_returned {
	struct bw_ip ip;
	char claim_uid[BW_KUBE_UID_MAX + 1];
};
#define CTL_RETURNED_MAX 256 /* the last ones: nodes speak again within seconds */

struct ctl_ipam {
	struct bw_kube_runtime *rt; /* borrowed */
	struct bw_loop *loop; /* borrowed */
	struct ctl_ipam_options opts;
	char cluster_id[BW_KUBE_UID_MAX + 1]; /* "" = not known yet */
	struct ctl_stores st;
	struct bw_controller *claims;
	struct bw_controller *pods;
	struct bw_controller *addresses;
	struct bw_controller *pools_ctl;
	struct bw_controller *nodes;
	struct bw_controller *epoch_ctl;
	struct ctl_book book;
	struct bw_defer settle; /* ctl_settle() when this batch of events has been told */
	struct ctl_pools pools;
	struct ctl_wait wait;
	struct bw_list gone_nodes; /* struct ctl_gone_node */
	struct bw_list said[CTL_SAID_BUCKETS]; /* struct ctl_said */
	size_t n_said;
	struct ctl_returned returned[CTL_RETURNED_MAX]; /* a ring */
	size_t n_returned; /* since the start */
	uint64_t random; /* state of the generator */
	uint8_t leading;
	uint8_t raised; /* this term's epoch was written */
	uint8_t ready; /* and the watch has shown it: addresses may be given */
	uint8_t quarantined;
	uint8_t breaker;
	uint8_t went_back; /* a store did, and no leader has written it down yet */
	uint8_t doubt; /* the cache has an older epoch than was seen: a live read decides */
	int64_t term_epoch; /* written in this term; 0 = not yet */
	int64_t max_epoch; /* the highest this process has seen, nodes' included */
	int64_t sure_epoch; /* a live read has shown this or a higher one */
	int64_t shown_epoch; /* by the store, last; a cache that is behind never goes back */
	int64_t raise_at_ns; /* when it is to be raised again */
	uint8_t weighed; /* .listen_until_ns is of this term */
	int64_t listen_until_ns; /* nothing is given before: nodes may contradict */
	int64_t ask_at_ns; /* nodes that have said nothing of a restore are asked again */
	int64_t quarantine_ns; /* since when */
	uint8_t healed; /* the raise that is under way ends the quarantine */
	uint8_t restarting; /* .restart was called */
	uint8_t past_known; /* .past was read */
	char past[CTL_PAST_MAX]; /* the last restore that the stores have come through; "" = none */
	char live_rv[BW_KUBE_RV_MAX + 1]; /* of the epoch as the live read had it; "" = none */
	char quarantine[256]; /* why */
	char heal_waits[256]; /* for whom, while it cannot end; "" = time alone */
};

/*
 * listen.c: before the epoch @o (NULL = there is none) is raised: on the first look of a term,
 * whether nodes are to be listened to before anything is given, for one interval of the epoch.
 * Those that run have seen it by then and said so: a watch connects again sooner. 0; -EBADMSG it
 * cannot be read: how far it was only it can say, and a Warning tells.
 */
int ctl_listen_weigh(struct ctl_ipam *c, const struct bw_kube_object *o, struct bw_plan *plan);
int ctl_is_listening(const struct ctl_ipam *c);
/*
 * While a restore is healed and nodes have not said what lives on them: changes the epoch @o, once
 * an interval. A node that found the server again when it had caught up with what the node saw last
 * has missed the note of the restore, and nothing else changes the object.
 */
void ctl_listen_ask(struct ctl_ipam *c, const struct bw_kube_object *o, struct bw_plan *plan);

/*
 * past.c: whether the epoch's object @e, seen or read live, tells of a restore that came after the
 * stores were first read. Then what they hold may be of a future that never was, however far the
 * server is by now, and the process begins anew. Return: 1 it does so, 0 all is well.
 */
int ctl_past_differs(struct ctl_ipam *c, const struct bw_net_epoch *e);
/* Calls .restart, once. Whether it was called. */
int ctl_begin_anew(struct ctl_ipam *c, const char *why);

/* returned.c: @ip of the claim @claim_uid was deleted; whether it was, lately, by this leader. */
void ctl_returned_note(struct ctl_ipam *c, const char *claim_uid, const struct bw_ip *ip);
int ctl_was_returned(const struct ctl_ipam *c, const char *claim_uid, const struct bw_ip *ip);

/* Now. */
int64_t ctl_now_ns(const struct ctl_ipam *c);
int64_t ctl_real_s(const struct ctl_ipam *c);
/* Fresh pseudo-random bits. */
unsigned __int128 ctl_random(struct ctl_ipam *c);

/* "namespace/name"; returns @out. */
const char *ctl_key(const char *ns, const char *name, char out[CTL_KEY_MAX]);

/* Asks for a reconcile of a claim because a fact has come. */
void ctl_wake_claim(const char *ns, const char *name, void *ipam);

/* Whether @text was said before; remembers it. Out of memory counts as said. */
int ctl_said_before(struct ctl_ipam *c, const char *text);

/* An address of the pool's domain became free, or the pool changed: wakes who waits. */
void ctl_wake_pool(struct ctl_ipam *c, struct ctl_pool *pool);
/* Drops a record and tells all who care: the address is free. */
void ctl_free_address(struct ctl_ipam *c, struct ctl_addr *a);
/* An address of the domain began to cool: the first of those who wait say when it is free. */
void ctl_tell_cooling(struct ctl_ipam *c, const struct ctl_addr *a);
void ctl_wake_address(struct ctl_ipam *c, const char *domain, const struct bw_ip *ip);

/* Pools and reservations changed: reads them anew, wakes who waits for them. */
void ctl_reload_pools(struct ctl_ipam *c);
/* A pool of which only the status changed. */
void ctl_refresh_pool(struct ctl_ipam *c, const struct bw_kube_object *o);
/* The claim that a pod names by annotation: 1 and its name, 0 none, -EINVAL no claim can have it.
 */
int ctl_pod_claim(const struct bw_kube_meta *m, char out[BW_KUBE_NAME_MAX + 1]);
/* Whether taints or labels differ. */
int ctl_node_changed(const struct bw_kube_object *old, const struct bw_kube_object *now);
/* For a walk over pods: asks for the claims that they name. */
int ctl_ask_pods_claims(struct bw_kube_object *o, void *ipam);
/* Asks for everything: what was skipped before addresses could be given. */
void ctl_enqueue_all(struct ctl_ipam *c);
/* Asks for the status of every pool. */
void ctl_touch_pools(struct ctl_ipam *c);

/* A change was seen (changes.c). */
int ctl_hear_changes(struct ctl_ipam *c, struct bw_err *err);

/* WHAT IS LOOKED AT (seen.c) */

extern const struct bw_kube_keep ctl_keep_owner[]; /* of an ownerReference */
extern const struct bw_kube_keep ctl_keep_pod[];
extern const struct bw_kube_keep ctl_keep_node[];
extern const struct bw_kube_keep ctl_keep_namespace[];
extern const struct bw_kube_keep ctl_keep_policy[];
/* An answer's object as the cache would have it; a reference. As bw_kube_object_new(). */
int ctl_live(const struct bw_kube_kind *kind, const struct bw_kube_keep *keep,
	     const struct bw_kube_answer *a, struct bw_kube_object **ret);

/* Sets the gauges of a scrape (measure.c). @ipam: struct ctl_ipam. */
void ctl_measure(void *ipam);

/* WRITES (body.c) */

/* "a b" into @out, cut where it does not fit; returns @out. */
const char *ctl_join(const char *a, const char *b, char *out, size_t size);

/* Appends the write of a built tree; takes @b. */
void ctl_write(struct bw_plan *p, struct bw_kube_request *r, struct bw_json_build *b,
	       bw_plan_done_fn done, void *arg);

/* A tree with metadata.resourceVersion. Returns the root. */
struct cJSON *ctl_body_cas(struct bw_json_build *b, const char *rv);

/* Replaces the finalizers by those of @m with or without @name, by compare-and-swap. */
void ctl_write_finalizer(struct bw_plan *p, const struct bw_kube_kind *kind,
			 const struct bw_kube_meta *m, const char *name, int have);

/* A done function for compare-and-swaps: lost ones are a failure that is tried again later. */
enum bw_plan_next ctl_done_cas(const struct bw_kube_answer *a, void *arg);

/* CLAIMS */

#define CTL_NEEDS_MAX 16 /* interfaces and families of a claim */
#define CTL_POOLS_MAX 72 /* networks of an interface with their fallbacks */

/* One interface and family of a claim. */
struct ctl_need {
	const struct bw_net_claim_interface *iface;
	int family;
	struct ctl_pool *pools[CTL_POOLS_MAX]; /* to try, in this order */
	size_t n_pools;
	const char *missing; /* a pool that is named and does not exist; NULL */
	uint8_t declared;
	uint8_t listed; /* the claim's status has it, and it is .ip */
	struct bw_ip ip; /* declared, listed or picked */
	struct ctl_pool *pool; /* of .ip; NULL for a listed one whose pool is gone */
	const char *pool_name; /* of a listed one */
	struct ctl_addr *addr; /* its record; NULL = not yet */
	uint8_t picked; /* the record was assumed just now */
	uint8_t take_over; /* the record is kept for this claim: compare-and-swap */
};

/* One reconcile of a claim. */
struct ctl_claim {
	struct ctl_ipam *c;
	struct bw_kube_object *o;
	struct bw_net_claim *claim;
	struct bw_plan *plan;
	struct bw_kube_conds conds;
	struct ctl_need needs[CTL_NEEDS_MAX];
	size_t n_needs;
	struct bw_kube_object *pod; /* the oldest live one that names it and stays; NULL */
	struct bw_kube_object *second; /* the next one; NULL */
	struct bw_kube_object *leaving; /* a live one that is being deleted; NULL */
	char pod_node[BW_KUBE_NAME_MAX + 1]; /* where it is scheduled; "" */
	char pod_node_uid[BW_KUBE_UID_MAX + 1]; /* "" = the Node is not known */
	char pod_created[32];
};

int ctl_claim_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
			struct bw_plan *plan, void *ipam, struct bw_err *err);
/* What the claim needs, and what of it there is. 0; -ENOMEM. */
int ctl_claim_needs(struct ctl_claim *k);
/* Creates, reads and binds what is needed. 0; -ENOMEM. */
int ctl_claim_take(struct ctl_claim *k, struct bw_err *err);
/* Writes the holder when it may change. */
int ctl_claim_place(struct ctl_claim *k, struct bw_err *err);
/* Whether the Node @o (NULL = none) is that of @uid and declared out of service. */
int ctl_node_fenced(const struct bw_kube_object *o, const char *uid);
/* Gives everything back once the holder is confirmed gone. */
int ctl_claim_release(struct ctl_claim *k, struct bw_err *err);
/* Whether the holder's agent has given its token back. */
int ctl_claim_is_spent(const struct bw_net_claim_status *s);
/* Finds .pod, .second, .leaving and where it is. */
void ctl_claim_pods(struct ctl_claim *k);
/* Has what the claim holds beyond its needs looked at. */
void ctl_claim_look_at_spare(struct ctl_claim *k);
/* Whether the holder's token is spent or its node fenced; may plan a live read of the Node. */
int ctl_claim_holder_gone(struct ctl_claim *k, int *ret_asked);
/* Lets the claim wait for a thing: "pool", "config", "addr" or "quota", and its name. -ENOMEM. */
int ctl_claim_wait(struct ctl_claim *k, const char *kind, const char *what);
/* Lets it wait for changes of the pools that its status lists. */
void ctl_claim_wait_pools(struct ctl_claim *k);
/* Writes conditions and phase when they differ from what is there. */
void ctl_claim_status(struct ctl_claim *k, enum bw_net_claim_status_phase phase);
/* Appends holder to a status; @token as it shall be. */
void ctl_claim_put_holder(struct ctl_claim *k, struct bw_json_build *b, struct cJSON *status,
			  int64_t token);

/* The other reconciles. */
int ctl_address_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
			  struct bw_plan *plan, void *ipam, struct bw_err *err);
int ctl_pool_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
		       struct bw_plan *plan, void *ipam, struct bw_err *err);
int ctl_pod_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
		      struct bw_plan *plan, void *ipam, struct bw_err *err);
int ctl_node_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
		       struct bw_plan *plan, void *ipam, struct bw_err *err);
int ctl_epoch_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
			struct bw_plan *plan, void *ipam, struct bw_err *err);
/* Frees what a live answer has shown and the watch, which is further by now, does not have. */
void ctl_settle(struct ctl_ipam *c);
/* A change of the epoch or of what nodes say of it was seen. */
void ctl_epoch_seen(struct ctl_ipam *c);
/* The same for a change of one NodeNetwork, @o. */
void ctl_epoch_node_seen(struct ctl_ipam *c, const struct bw_kube_object *o);
/*
 * A store is about to show an older state than it has shown. From here on nothing is given or taken
 * until a live read of the epoch has decided. @ipam: struct ctl_ipam.
 */
void ctl_epoch_went_back(void *ipam);

/* Plans a change of an address's state by compare-and-swap; the record is found again by name. */
void ctl_write_state(struct ctl_ipam *c, struct bw_plan *p, const struct ctl_addr *a,
		     enum bw_net_address_state state);
/* Plans the deletion of an address as it is known. */
void ctl_write_delete(struct ctl_ipam *c, struct bw_plan *p, const struct ctl_addr *a);
/* Plans a live read of an address whose answer goes into the book. */
void ctl_read_address(struct ctl_ipam *c, struct bw_plan *p, const char *domain,
		      const struct bw_ip *ip, bw_plan_done_fn done, const char *claim_uid);

/* The same for one that was to be created and is not needed: a NotFound frees it. */
void ctl_read_spare(struct ctl_ipam *c, struct bw_plan *p, const struct ctl_addr *a);

/* An address that a step is about; memory of the plan. */
struct ctl_addr_ref {
	struct ctl_ipam *c;
	char domain[CTL_DOMAIN_MAX + 1];
	struct bw_ip ip;
	char claim_uid[BW_KUBE_UID_MAX + 1];
	char uid[BW_KUBE_UID_MAX + 1]; /* of the NetworkAddress that is written; "" = not known */
};
struct ctl_addr_ref *ctl_addr_ref(struct ctl_ipam *c, struct bw_plan *p, const char *domain,
				  const struct bw_ip *ip, const char *claim_uid);
/* The record of it now; NULL it is free. */
struct ctl_addr *ctl_addr_of(const struct ctl_addr_ref *ref);
/* Enters what an answer's body says; NULL it cannot be read. */
struct ctl_addr *ctl_addr_answer(const struct ctl_addr_ref *ref, const struct bw_kube_answer *a);
/*
 * The same, and what comes next: @ours when the lock is Bound to the claim that @ref names, else
 * @others; BW_PLAN_FAIL without an answer that can be read.
 */
enum bw_plan_next ctl_addr_judge(const struct ctl_addr_ref *ref, const struct bw_kube_answer *a,
				 enum bw_plan_next ours, enum bw_plan_next others);

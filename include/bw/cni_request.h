/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime hands to a plugin: the CNI_* environment and the network configuration. */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct cJSON;

#define BW_CNI_STDIN_MAX (1U << 20) /* bytes */
#define BW_CNI_CID_MAX 256          /* characters; longer container IDs are refused */
#define BW_CNI_NAME_MAX 256         /* characters of a network's name */
#define BW_CNI_IFNAME_MAX 15        /* IFNAMSIZ - 1 */
#define BW_CNI_ARGS_MAX 64          /* pairs */

enum bw_cni_verb {
        BW_CNI_ADD,
        BW_CNI_DEL,
        BW_CNI_CHECK,
        BW_CNI_GC,
        BW_CNI_STATUS,
        BW_CNI_VERSION,
        BW_CNI_MAX_,
};

const char *bw_cni_verb_str(enum bw_cni_verb verb);

struct bw_cni_arg {
        const char *key;
        const char *value;
};

/* Everything is owned by the request and valid until bw_cni_request_free(). */
struct bw_cni_request {
        enum bw_cni_verb verb;
        const char *container_id; /* NULL when the verb has none */
        const char *netns;        /* NULL or "" when not given */
        const char *ifname;
        const char *cni_path; /* NULL when not given */
        struct bw_cni_arg args[BW_CNI_ARGS_MAX];
        size_t n_args;
        int ignore_unknown; /* IgnoreUnknown among the args */

        const char *stdin_text; /* unchanged bytes, for delegates */
        size_t stdin_size;
        struct cJSON *conf;  /* parsed stdin */
        const char *version; /* cniVersion of conf, "0.1.0" when absent */
        const char *name;    /* network name; NULL on DEL with a bad one */
        const char *type;
};

/* Value of one CNI_ARGS key (exact case), NULL when absent. */
const char *bw_cni_request_arg(const struct bw_cni_request *req, const char *key);

# Another version's layouts: values of endpoints, sticky flows and buckets are longer at their end.
/^struct bw_ep {/,/^};/s/^};/	__u64 later;\n};/
/^struct bw_sticky {/,/^};/s/^};/	__u64 later;\n};/
/^struct bw_bucket {/,/^};/s/^};/	__u64 later;\n};/
s/sizeof(struct bw_ep) == 200/sizeof(struct bw_ep) == 208/
s/sizeof(struct bw_sticky) == 8/sizeof(struct bw_sticky) == 16/
s/sizeof(struct bw_bucket) == 64/sizeof(struct bw_bucket) == 72/

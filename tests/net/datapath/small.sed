# Tables that are soon full.
s/^#define BW_SLOTS_MAX .*/#define BW_SLOTS_MAX 4/
s/^#define BW_EPS_MAX .*/#define BW_EPS_MAX 4/
s/^#define BW_FDB_MAX .*/#define BW_FDB_MAX 4/

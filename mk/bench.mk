# SPDX-License-Identifier: Apache-2.0
# What is measured. Neither is a test: numbers are ratios against peers of the same run.
.PHONY: demo bench
#: make demo          Redis at its declared address, measured against its peers (build/demo.html)
demo: $(PROGRAMS) $(TOOLS) $(TOOLS_BPF) | $(call need,bed) $(call need,demo) $(call need,deb-plugins)
	$(Q)scripts/demo

#: make bench         all the ratios (some minutes; build/bench.json); BENCH="outside add" picks sections
BENCH_VM := $(if $(or $(if $(BENCH),,all),$(filter sriov netkit,$(BENCH))),yes)
bench: $(PROGRAMS) $(TOOLS) $(TOOLS_BPF) | $(call need,bed) $(call need,demo) $(call need,test) $(call need,go-plugins) \
	$(if $(BENCH_VM),$(call need,vm) $(call need,qemu) $(call need,kernel-6.12))
	$(Q)scripts/bench $(BENCH)

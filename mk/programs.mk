# SPDX-License-Identifier: Apache-2.0
# The programs: each is one folder over the library.
LIBS_CNI := -lmnl -lbpf -lelf -lz -lcjson -lsqlite3 -lpthread -lm
# What a program that talks to an API server links besides: dynamic ones only, no CNI plugin.
LIBS_KUBE := -lcurl -lyaml -lmicrohttpd
# What the controller's page links besides: what libmicrohttpd has its TLS from.
LIBS_PAGE := -lgnutls
LIBS_NO_BPF := $(filter-out -lbpf -lelf -lz,$(LIBS_CNI))

sriov_SRC := $(wildcard cni/sriov/main.c)
bridge_SRC := $(wildcard cni/bridge/main.c)
ipam_SRC := $(wildcard ipam/main.c)
# The node's commands are a static program; the cluster's need libcurl, and `barewire` becomes them.
cli_SRC := $(filter-out controller/cli/kube_%,$(wildcard controller/cli/*.c))
kubectl_SRC := $(wildcard controller/cli/kube_*.c) controller/cli/print.c
agent_SRC := $(wildcard ipam/agent/*.c)
ctl_SRC := $(wildcard controller/ipam/*.c controller/unit/*.c)
page_SRC := $(wildcard controller/page/*.c)
PAGE_ASSETS := $(B)/controller/page/assets.data.o
launch_SRC := $(wildcard controller/unitd/*.c)

PROGRAMS :=
# $(1) name of the program, $(2) its sources, $(3) its libraries, $(4) dynamic: never linked statically
define program
ifneq ($(2),)
PROGRAMS += $(B)/$(1)
$(B)/$(1): $(2:%.c=$(B)/%.o) $(LIB) $(B)/.link-flags
	$$(call say,LINK,$$@)
	$$(Q)scripts/link $$(CC) $(if $(4),$$(filter-out -static-pie -pie,$$(LDFLAGS)) -pie,$$(LDFLAGS)) -o $$@ $$(filter %.o,$$^) $(LIB) $$(LDLIBS) $(3)
-include $(2:%.c=$(B)/%.d)
endif
endef
$(eval $(call program,barewire-bridge,$(bridge_SRC),$(LIBS_CNI)))
$(eval $(call program,barewire-sriov,$(sriov_SRC),$(LIBS_NO_BPF)))
$(eval $(call program,barewire-ipam,$(ipam_SRC),$(LIBS_CNI)))
$(eval $(call program,barewire-launch,$(launch_SRC)))
$(eval $(call program,barewire,$(cli_SRC),$(LIBS_CNI)))
$(eval $(call program,kubectl-barewire,$(kubectl_SRC),$(LIBS_CNI) $(LIBS_KUBE),dynamic))
$(eval $(call program,barewire-agent,$(if $(wildcard lib/kube/http.c),$(agent_SRC)),$(LIBS_CNI) $(LIBS_KUBE),dynamic))
$(eval $(call program,barewire-controller,$(if $(wildcard lib/kube/http.c),$(ctl_SRC) $(page_SRC)),$(LIBS_CNI) $(LIBS_KUBE) $(LIBS_PAGE),dynamic))
$(B)/barewire-controller: $(PAGE_ASSETS)

# The page's own files, as they stand in the tree.
$(PAGE_ASSETS): controller/page/assets.S $(addprefix controller/page/,page.css page.js icon.svg) $(B)/.compile-flags
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -fsanitize% -MMD -MP,$(CFLAGS)) -c $< -o $@

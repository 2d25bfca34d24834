# SPDX-License-Identifier: Apache-2.0
# What scripts/kgen makes of conf/crds and conf/kinds: <gen/net.h>, <gen/db.h>, <gen/k8s.h> and
# their sources, which the
# library holds. The generator is the build's own program: no sanitizer, no other compiler.
KGEN := build/scripts/kgen/kgen
KGEN_SRC := $(wildcard scripts/kgen/*.c)
GEN_CRDS := $(sort $(filter-out %/kustomization.yaml,$(wildcard conf/crds/*.yaml)))
GEN_KINDS_db := conf/crds/unit.yaml
GEN_KINDS_net := $(filter-out $(GEN_KINDS_db),$(GEN_CRDS))
GEN_KINDS_k8s := conf/kinds/builtin.yaml
GEN_UNITS := net db k8s
GEN_H := $(GEN_UNITS:%=build/gen/%.h)
GEN_OBJ := $(GEN_UNITS:%=$(B)/gen/%.o)

$(KGEN): $(KGEN_SRC) scripts/kgen/kgen.h include/bw/defs.h
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)gcc -std=gnu11 -O1 -g -D_GNU_SOURCE -Iinclude $(WARN) $(if $(filter 1,$(DEVELOPER)),-Werror) -o $@ $(KGEN_SRC) -lyaml

# $(1) unit
define gen_unit
build/gen/$(1).h: $(GEN_KINDS_$(1)) $(KGEN)
	$$(call say,GEN,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(KGEN) header $(1) $(GEN_KINDS_$(1)) >$$@
build/gen/$(1).c: $(GEN_KINDS_$(1)) $(KGEN)
	$$(call say,GEN,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(KGEN) source $(1) $(GEN_KINDS_$(1)) >$$@
$(B)/gen/$(1).o: build/gen/$(1).c $(GEN_H) $(B)/.compile-flags
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) -c $$< -o $$@
endef
$(foreach u,$(GEN_UNITS),$(eval $(call gen_unit,$(u))))
$(LIB): $(GEN_OBJ)
-include $(GEN_OBJ:.o=.d)

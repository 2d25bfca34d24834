# SPDX-License-Identifier: Apache-2.0
# The simulation: the real controllers on virtual clocks against a model API server with faults.
SIM_SERVER_SRC := $(addprefix tests/sim/,fault.c kinds.c mutant.c rules.c select.c server.c server_read.c server_watch.c \
	store.c store_write.c trace.c)
SIM_SRC := $(filter-out %_test.c,$(wildcard tests/sim/*.c))
SIM_OBJ := $(SIM_SRC:%.c=$(B)/%.o)
SIM_TEST := $(patsubst %.c,$(B)/%,$(wildcard tests/sim/*_test.c))
SIM_CTL := $(filter-out %/main.o,$(patsubst %.c,$(B)/%.o,$(wildcard controller/ipam/*.c controller/unit/*.c)))
SIM := $(if $(wildcard controller/ipam/ipam.c),$(B)/tests/sim/sim)
SIM_LIBS := -lcjson -lm

$(SIM_OBJ) $(SIM_TEST:=.o): CFLAGS += -iquote tests/sim -Icontroller/ipam -Icontroller/unit
$(SIM_TEST:=.o): | $(call need,unit)

$(SIM_TEST): $(B)/%: $(B)/%.o $(SIM_SERVER_SRC:%.c=$(B)/%.o) $(LIB) $(B)/.link-flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -static-pie,$(LDFLAGS)) -pie -o $@ $(filter %.o,$^) $(LIB) -lcmocka $(SIM_LIBS)

$(B)/tests/sim/sim: $(SIM_OBJ) $(SIM_CTL) $(LIB) $(B)/.link-flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -static-pie,$(LDFLAGS)) -pie -o $@ $(filter %.o,$^) $(LIB) $(SIM_LIBS)
-include $(SIM_OBJ:.o=.d) $(SIM_TEST:=.d)

#: make test-sim      the controllers against a model server: scenarios and 10,000 seeds (SEED=N: one, with its trace)
.PHONY: test-sim sim
sim: $(SIM)
ifneq ($(SEED),)
test-sim: $(SIM)
	$(Q)$(B)/tests/sim/sim --seed $(SEED) --trace
else
test-sim: $(SIM) $(SIM_TEST) | $(call need,unit)
	$(call tier,sim,600,60,$(SIM_TEST) $(call tier_files,sim))
endif

# SPDX-License-Identifier: Apache-2.0
# The simulation: the real controllers on virtual clocks against a model API server with faults.
SIM_SRC := $(filter-out %_test.c tests/sim/main.c,$(wildcard tests/sim/*.c))
SIM_OBJ := $(SIM_SRC:%.c=$(B)/%.o)
SIM_TEST := $(patsubst %.c,$(B)/%,$(wildcard tests/sim/*_test.c))
SIM := $(if $(wildcard tests/sim/main.c),$(B)/tests/sim/sim)
SIM_CTL := $(filter-out %/main.o,$(patsubst %.c,$(B)/%.o,$(wildcard controller/ipam/*.c)))
SIM_LIBS := -lcjson -lcmocka

$(SIM_OBJ) $(SIM_TEST:=.o) $(SIM:=.o): CFLAGS += -iquote tests/sim -iquote controller/ipam

$(SIM_TEST): $(B)/%: $(B)/%.o $(SIM_OBJ) $(SIM_CTL) $(LIB) $(B)/.link-flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -static-pie,$(LDFLAGS)) -pie -o $@ $(filter %.o,$^) $(LIB) $(SIM_LIBS)

$(B)/tests/sim/sim: $(B)/tests/sim/main.o $(SIM_OBJ) $(SIM_CTL) $(LIB) $(B)/.link-flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -static-pie,$(LDFLAGS)) -pie -o $@ $(filter %.o,$^) $(LIB) $(SIM_LIBS)
-include $(SIM_OBJ:.o=.d) $(SIM_TEST:=.d) $(B)/tests/sim/main.d

#: make test-sim      the controllers against a model server: scenarios and 10,000 seeds (SEED=N: one, with its trace)
.PHONY: test-sim sim
sim: $(SIM)
ifneq ($(SEED),)
test-sim: $(SIM)
	$(Q)$(B)/tests/sim/sim --seed $(SEED) --trace
else
test-sim: $(SIM) $(SIM_TEST) | $(call need,unit)
	$(call tier,sim,600,25,$(SIM_TEST) $(call tier_files,sim))
endif

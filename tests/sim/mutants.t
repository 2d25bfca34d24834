#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The checker finds what is broken on purpose.
exec "${BW_BUILD:-build}/tests/sim/sim" --mutants

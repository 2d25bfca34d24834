#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The failure classes that a model server can provoke, each a scenario of its own.
exec "${BW_BUILD:-build}/tests/sim/sim" --scenarios

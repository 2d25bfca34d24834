/* SPDX-License-Identifier: Apache-2.0 */
/* The version of everything that is built from this tree; conf/deploy and scripts/image name it
 * too. */
#pragma once

#define BW_VERSION "0.1.0"

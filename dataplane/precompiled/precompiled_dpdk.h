// Precompiled for targets with DPDK: see dataplane/meson.build.
#ifndef WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_DPDK_H_
#define WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_DPDK_H_

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/precompiled/precompiled_common.h"

#endif  // WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_DPDK_H_

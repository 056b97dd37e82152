// Precompiled for tests with DPDK: see dataplane/meson.build.
#ifndef WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_DPDK_GTEST_H_
#define WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_DPDK_GTEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/precompiled/precompiled_dpdk.h"

#endif  // WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_DPDK_GTEST_H_

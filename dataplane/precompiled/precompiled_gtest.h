// Precompiled for tests without DPDK: see dataplane/meson.build.
#ifndef WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_GTEST_H_
#define WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_GTEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/precompiled/precompiled_common.h"

#endif  // WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_GTEST_H_

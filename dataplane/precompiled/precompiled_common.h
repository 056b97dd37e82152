// Precompiled for all targets without DPDK: see dataplane/meson.build.
#ifndef WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_COMMON_H_
#define WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_COMMON_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#endif  // WARP_DATAPLANE_PRECOMPILED_PRECOMPILED_COMMON_H_

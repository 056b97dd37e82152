// For programs that can do nothing about an error but report it and end.
#ifndef WARP_PERF_MUST_H_
#define WARP_PERF_MUST_H_

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace warp::perf {

inline void MustBeOk(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status.message() << "\n";
  std::exit(1);
}

template <typename T>
T Must(absl::StatusOr<T> value) {
  MustBeOk(value.status());
  return *std::move(value);
}

}  // namespace warp::perf

#endif  // WARP_PERF_MUST_H_

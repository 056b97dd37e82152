// What one round of questions about a name has come to so far: several servers are asked, and each for both families of
// addresses or for one. Pure.
#ifndef WARP_CONTROL_LOOP_NAMES_ROUND_H_
#define WARP_CONTROL_LOOP_NAMES_ROUND_H_

#include <sys/socket.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "control/loop/names/found.h"

namespace warp::control {

class NameRound {
 public:
  bool found() const { return !found_.empty(); }
  // Somebody knows that there are no records; and why there is nothing, as was said first.
  const std::optional<absl::Status>& denied() const { return denied_; }
  const std::optional<absl::Status>& failure() const { return failure_; }

  void Add(Found found) { found_.push_back(std::move(found)); }
  void Deny(absl::Status status) {
    if (!denied_.has_value()) denied_ = std::move(status);
  }
  void Fail(absl::Status status) {
    if (!failure_.has_value()) failure_ = std::move(status);
  }
  // Somebody has answered for AF_INET or AF_INET6; 0: for both.
  void NoteFamily(int family) {
    has_v4_ = has_v4_ || family != AF_INET6;
    has_v6_ = has_v6_ || family != AF_INET;
  }

  // What is known while the round goes on, in which nothing is taken back that was known before it.
  Found Meanwhile(Found before) const {
    std::vector<Found> known = found_;
    known.push_back(std::move(before));
    return Together(known);
  }
  // What is known after it: of what was known before, the endpoints of a family for which nobody has answered.
  Found Afterwards(const Found& before) const {
    Found left;
    for (const wire::Endpoint& one : before.endpoints) {
      if (one.address.is_v4() ? !has_v4_ : !has_v6_) left.endpoints.push_back(one);
    }
    return Meanwhile(std::move(left));
  }

 private:
  std::vector<Found> found_;
  bool has_v4_ = false, has_v6_ = false;
  std::optional<absl::Status> denied_;
  std::optional<absl::Status> failure_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_NAMES_ROUND_H_

// What each pair of keys, ours and the remote end's, has of its own for handshakes while keys follow each other: its
// budgets, and the token that it is to echo. Whoever has stolen one key uses up nothing of a pair that this is not of.
//
// A lane begins anew with each reign of its keys, and goes when one of them has ended. So there are as many as pairs
// that serve, at most, and one where no key has changed.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_PAIR_LANES_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_PAIR_LANES_H_

#include <algorithm>
#include <list>
#include <utility>

#include "control/protocol/handshake/association_keys.h"

namespace warp::protocol {

template <typename Lane>
class PairLanes {
 public:
  // `keys` outlives it.
  explicit PairLanes(const AssociationKeys& keys) : keys_(keys) {}

  // That of a pair, which serves. Valid until one of its keys has ended.
  Lane& Of(const HandshakeKeys& pair) {
    if (Lane* const known = Find(pair)) return *known;
    lanes_.remove_if([this](const auto& one) { return !keys_.Serve(one.first); });
    return lanes_.emplace_back(pair, Lane()).second;
  }
  // Null: it has used nothing yet.
  Lane* Find(const HandshakeKeys& pair) {
    const auto found = std::find_if(lanes_.begin(), lanes_.end(),
                                    [&pair](const auto& one) { return one.first.SamePair(pair); });
    return found == lanes_.end() ? nullptr : &found->second;
  }
  template <typename Function>
  void ForEach(Function function) {
    for (auto& [pair, lane] : lanes_) function(lane);
  }

 private:
  const AssociationKeys& keys_;
  std::list<std::pair<HandshakeKeys, Lane>> lanes_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_PAIR_LANES_H_

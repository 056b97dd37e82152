// The first two nodes of a crowd, as the map's relay forwards from one to the other.
#include <sodium.h>

#include <chrono>
#include <utility>
#include <vector>

#include "dataplane/wire/message.h"
#include "perf/map/crowd_node.h"

namespace warp::perf {
namespace {

// What has not come for so long is lost.
constexpr Clock::duration kLost = std::chrono::milliseconds(500);

}  // namespace

void NodeCrowd::Bind(size_t number) {
  const protocol::MapBind bind{.channel = channel_.id,
                               .port = channel_.port,
                               .order = {1, ++nodes_[number].number},
                               .echo = nodes_[number].challenge};
  if (auto sealed = nodes_[number].session.Seal(EncodeMapMessage(bind)))
    Push(number, std::move(*sealed), channel_.udp_port);
}

size_t NodeCrowd::Relay(std::chrono::milliseconds time, size_t size, size_t under_way) {
  for (Clock::time_point asked{}; !open_; Receive()) {
    if (Clock::now() - asked < kLost) continue;
    asked = Clock::now();
    Say(0, protocol::MapRelay{.request = 1, .port = 0, .key = nodes_[1].key});
  }
  // Sealed for the other node, as far as the map can tell.
  std::vector<uint8_t> datagram(size);
  randombytes_buf(datagram.data(), datagram.size());
  wire::WriteDataHeader({.receiver_index = UINT32_MAX}, datagram.data());
  const Clock::time_point end = Clock::now() + time;
  const size_t before = relayed_;
  size_t sent = relayed_;
  size_t seen = relayed_;
  Clock::time_point heard = Clock::now();
  while (Clock::now() < end) {
    for (; sent < relayed_ + under_way; ++sent) Push(0, datagram, channel_.udp_port);
    Receive();
    if (relayed_ != seen) {
      seen = relayed_;
      heard = Clock::now();
    } else if (Clock::now() - heard > kLost) {  // the rest was lost
      lost_ += sent - relayed_;
      sent = relayed_;
      heard = Clock::now();
    }
  }
  return relayed_ - before;
}

}  // namespace warp::perf

// The bursts that a worker's stages hand to each other. They live in the worker and are used anew
// each turn.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_TURN_BURST_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_TURN_BURST_H_

#include <rte_mbuf.h>

#include <array>
#include <cassert>
#include <cstdint>

#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/exchange/exchange.h"
#include "dataplane/lcore/exchange/forwarding_table.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {

// A burst of at most kBurst items, filled from the front.
template <typename T>
class Burst {
 public:
  // Where the next one will stand, to be filled before it is added.
  T& Next() { return items_[size_]; }
  T& Add() {
    assert(size_ < kBurst);
    return items_[size_++];
  }
  T& Add(const T& item) { return Add() = item; }
  void Clear() { size_ = 0; }
  // Moves item `from` forward to place `to`, where items between were let go.
  void Keep(uint16_t from, uint16_t to) {
    if (from != to) items_[to] = items_[from];
  }
  // Keeps the first `size` of them.
  void Resize(uint16_t size) {
    assert(size <= size_);
    size_ = size;
  }
  bool empty() const { return size_ == 0; }
  uint16_t size() const { return size_; }
  T& operator[](size_t i) { return items_[i]; }
  T* begin() { return items_.data(); }
  T* end() { return items_.data() + size_; }

 private:
  std::array<T, kBurst> items_;
  uint16_t size_ = 0;
};

// In: a WARP datagram on its way from a port to control.
struct InPacket {
  rte_mbuf* mbuf =
      nullptr;  // one segment, ours alone; from the stage `classify` on its data is the datagram
  wire::UdpFrame udp;
  uint32_t frame_size = 0;
  bool follows = false;  // has the addresses and ports of the packet received before it
  const SessionEntry* session = nullptr;  // sealed messages, from here on
  uint64_t counter = 0;
  PathCounters* path = nullptr;  // null where the source is no endpoint we know
};

// A packet whose counter another lcore is opening at this moment, kept for a turn. What it knows of
// the forwarding table is out of date by then.
struct DeferredPacket {
  InPacket packet;
  PortId port = 0;
  uint32_t receiver_index = 0;
};

// Out: a payload, or another worker's leg of it.
struct OutJob {
  rte_mbuf* payload = nullptr;
  const PeerView* peer = nullptr;
  wire::Session* session = nullptr;
  uint64_t counter = 0;
  uint32_t references = 0;    // that were counted on for this leg; 0 where `sole`
  uint32_t datagram_sum = 0;  // for the IPv6 UDP checksum
  uint16_t size = 0;          // of the sealed payload
  bool owned = true;          // a reference of the payload is the job's, to be released at its end
  bool sole = true;           // nobody else sends copies of it: its reference count is ours to set
  bool sealed = false;        // its bytes are final
  bool reserved = false;      // control has reserved its counter
  bool wants_report = false;
  bool taken = false;
  wire::Drop reason = wire::Drop::kNone;
  uint32_t slot = 0;
  uint32_t generation = 0;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_TURN_BURST_H_

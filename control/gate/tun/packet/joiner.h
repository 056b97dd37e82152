// Joins packets of a burst into super-packets, so that the kernel passes many of them through its stack for the price
// of one (journey in, step 6). The inverse of segmenter.h, by the rules of the kernel's own GRO
// (Linux net/ipv4/tcp_offload.c, tcp_gro_receive):
//
//   packets   [IP TCP | aaaa] [IP TCP | bbbb] [IP TCP | cc]
//   written   [virtio | IP TCP | aaaa bbbb cc]        segment size 4
//
// Joined are packets of TCP and UDP that differ in nothing but what cutting makes again: neighbours in sequence, with
// equal headers and options, equal ECN bits and hop limits, identifications that ascend (or stand still, where the
// packet may not be fragmented anyway: RFC 6864), right checksums, and equal sizes but for a smaller last one. A
// packet with PSH or FIN is the last of its run, one with CWR the first. All others are written as they are, and each
// flow keeps its order.
//
// Nothing waits for more: what is there when the burst ends is written. Pure; any one thread.
#ifndef WARP_CONTROL_GATE_TUN_PACKET_JOINER_H_
#define WARP_CONTROL_GATE_TUN_PACKET_JOINER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "control/gate/tun/packet/inner_packet.h"
#include "control/gate/tun/packet/offload_header.h"
#include "dataplane/wire/bytes.h"

namespace warp::control {

class Joiner {
 public:
  static constexpr size_t kMostPackets = 128;  // of a burst
  static constexpr size_t kMostUdp = 64;       // of a run: the kernel's UDP_MAX_SEGMENTS
  static constexpr size_t kMostPieces = kMostPackets + 2;

  // What the kernel takes joined.
  struct Kinds {
    bool tcp = true;
    bool udp = true;
  };
  Joiner(Layer layer, Kinds kinds);

  bool full() const { return packets_.size() == kMostPackets; }
  bool empty() const { return packets_.empty(); }
  // Not when full. The bytes stay where they are until Clear.
  void Add(wire::Bytes packet, const InnerPacket& inner);
  void Clear();

  // What is to be written, each with one call, in this order.
  size_t runs() const { return runs_.size(); }
  size_t PacketsOf(size_t run) const { return runs_[run].count; }
  // The offload header and the pieces of the packet behind it. Valid until the next call.
  std::span<const wire::Bytes> Pieces(size_t run);

 private:
  static constexpr size_t kMaxHeaders = kInnerEthernetHeader + kIpv6Header + 60;
  static constexpr uint16_t kEnd = 0xffff;

  // What of a packet decides whether it can be joined.
  struct Candidate {
    uint16_t header = 0;  // bytes before the data
    uint16_t data = 0;
    uint8_t flags = 0;      // of TCP
    uint32_t sequence = 0;  // of TCP
  };
  struct Packet {
    wire::Bytes bytes;
    uint16_t next = kEnd;  // of its run
  };
  struct Run {
    uint16_t first = 0, last = 0;  // packets_
    uint16_t count = 1;
    bool open = false;  // takes more
    uint64_t flow = 0;
    InnerPacket inner;  // of the first packet, as is all that follows but for `sequence` and `id`
    Candidate head;
    uint32_t sequence = 0;  // of the next one
    uint16_t id = 0;        // of the last one
    bool same_id = false;   // all have one
    uint8_t closing = 0;    // flags of the last one that only it may have
    size_t data = 0;        // of all
  };

  bool ReadCandidate(wire::Bytes packet, const InnerPacket& inner, Candidate* candidate) const;
  bool ChecksumsAreRight(wire::Bytes packet, const InnerPacket& inner) const;
  void CloseRunsBetween(wire::Bytes packet, const InnerPacket& inner);
  Run* OpenRunOf(uint64_t flow, wire::Bytes packet, const InnerPacket& inner);
  bool MayFollow(const Run& run, wire::Bytes packet, const InnerPacket& inner,
                 const Candidate& candidate) const;
  void Append(Run& run, wire::Bytes packet, const Candidate& candidate);
  void WriteHeaders(const Run& run);

  const Layer layer_;
  const Kinds kinds_;
  std::vector<Packet> packets_;
  std::vector<Run> runs_;
  OffloadHeader offload_;
  std::array<uint8_t, kMaxHeaders> headers_;
  std::array<wire::Bytes, kMostPieces> pieces_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_PACKET_JOINER_H_

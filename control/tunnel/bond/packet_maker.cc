#include "control/tunnel/bond/packet_maker.h"

#include <algorithm>
#include <cassert>

namespace warp::control {
namespace {

size_t PieceHeader(const PacketMaker::Sequence& sequence, const wire::Flow& flow) {
  return wire::HeaderSizeOf(sequence ? wire::Kind::kSequencedFragment : wire::Kind::kFragment,
                            flow);
}
size_t WholeHeader(const PacketMaker::Sequence& sequence, const wire::Flow& flow) {
  return wire::HeaderSizeOf(sequence ? wire::Kind::kSequenced : wire::Kind::kPayload, flow);
}

}  // namespace

std::optional<wire::FragmentPlan> PacketMaker::Plan(size_t payload_size, const Room& room,
                                                    size_t header) const {
  std::optional<wire::FragmentPlan> plan =
      wire::PlanFragments(payload_size, std::min(room.pieces, room.whole), header);
  return plan.has_value() ? plan : wire::PlanFragments(payload_size, room.whole, header);
}

PacketMaker::Extent PacketMaker::Measure(size_t payload_size, const Room& room,
                                         const Sequence& sequence, const wire::Flow& flow) const {
  const size_t whole = payload_size + WholeHeader(sequence, flow);
  if (whole <= room.whole) return {.packets = 1, .bytes = whole};
  const size_t header = PieceHeader(sequence, flow);
  const auto plan = Plan(payload_size, room, header);
  if (!plan.has_value()) return {};
  return {.packets = plan->count, .bytes = payload_size + plan->count * header};
}

std::vector<lcore::Plaintext>& PacketMaker::Make(wire::Bytes payload, const Room& room,
                                                 const Sequence& sequence, const wire::Flow& flow) {
  packets_.clear();
  wire::SequencedHeader place = sequence.value_or(wire::SequencedHeader());
  place.tunnel_id = tunnel_id_;
  place.flow = flow;
  if (const size_t header = WholeHeader(sequence, flow); payload.size() + header <= room.whole) {
    if (!Add(payload, header)) return packets_;
    uint8_t* const out = packets_[0].mutable_bytes().data();
    if (sequence) {
      wire::WriteSequencedHeader(place, out);
    } else {
      wire::WritePayloadHeader({.tunnel_id = tunnel_id_, .flow = flow}, out);
    }
    return packets_;
  }
  const size_t header = PieceHeader(sequence, flow);
  const auto plan = Plan(payload.size(), room, header);
  assert(plan.has_value());  // or Measure would have said 0
  for (uint8_t index = 0; index < plan->count; ++index) {
    if (!Add(payload.subspan(plan->OffsetOf(index), plan->SizeOf(index)), header)) {
      packets_.clear();
      return packets_;
    }
    uint8_t* const out = packets_[index].mutable_bytes().data();
    const wire::FragmentHeader piece = plan->HeaderOf(index, tunnel_id_, flow);
    if (sequence) {
      wire::WriteSequencedFragmentHeader(plan->HeaderOf(index, place), out);
    } else {
      wire::WriteFragmentHeader(piece, out);
    }
  }
  return packets_;
}

bool PacketMaker::Add(wire::Bytes bytes, size_t header_size) {
  lcore::Plaintext packet = dataplane_.AllocatePlaintext();
  if (!packet) return false;
  const wire::MutableBytes room = packet.Append(header_size + bytes.size());
  std::copy(bytes.begin(), bytes.end(), room.begin() + static_cast<ptrdiff_t>(header_size));
  packets_.push_back(std::move(packet));
  return true;
}

}  // namespace warp::control

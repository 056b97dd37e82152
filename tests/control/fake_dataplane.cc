#include "tests/control/fake_dataplane.h"

namespace warp::lcore {

struct PacketBuffer {
  std::vector<uint8_t> bytes;
  size_t begin = 0;  // how many bytes TrimFront has removed
};

namespace {
size_t live_packets = 0;

PacketBuffer* NewBuffer(wire::Bytes bytes) {
  ++live_packets;
  return new PacketBuffer{.bytes = {bytes.begin(), bytes.end()}};
}
}  // namespace

wire::Bytes Packet::bytes() const { return wire::Bytes(buffer_->bytes).subspan(buffer_->begin); }
wire::MutableBytes Packet::mutable_bytes() {
  return wire::MutableBytes(buffer_->bytes).subspan(buffer_->begin);
}
wire::MutableBytes Packet::Append(size_t size) {
  const size_t old = buffer_->bytes.size();
  if (old + size > FakeDataplane::kRoom) return {};
  buffer_->bytes.resize(old + size);
  return wire::MutableBytes(buffer_->bytes).subspan(old);
}
wire::MutableBytes Packet::Prepend(size_t size) {
  buffer_->bytes.insert(buffer_->bytes.begin(), size, 0);
  return wire::MutableBytes(buffer_->bytes).first(size);
}
void Packet::TrimFront(size_t size) { buffer_->begin += size; }
void Packet::Reset() {
  if (buffer_ == nullptr) return;
  delete buffer_;
  buffer_ = nullptr;
  --live_packets;
}

Plaintext FakeDataplane::MakePlaintext(wire::Bytes bytes) { return Plaintext(NewBuffer(bytes)); }
Sealed FakeDataplane::MakeSealed(wire::Bytes bytes) { return Sealed(NewBuffer(bytes)); }
size_t FakeDataplane::LivePackets() { return live_packets; }

Plaintext FakeDataplane::AllocatePlaintext() {
  if (buffers == 0) return {};
  --buffers;
  return Plaintext(NewBuffer({}));
}

Frame FakeDataplane::AllocateFrame() {
  if (buffers == 0) return {};
  --buffers;
  return Frame(NewBuffer({}));
}

void FakeDataplane::Submit(WorkerId home, std::span<Plaintext> packets,
                           std::span<const SendRequest> requests) {
  for (size_t i = 0; i < packets.size(); ++i) {
    submitted.push_back({home, std::move(packets[i]), requests[i]});
  }
}

void FakeDataplane::SubmitSealed(WorkerId home, Sealed packet, const SendRequest& request) {
  resubmitted.push_back({home, std::move(packet), request, submitted.size()});
}

void FakeDataplane::Transmit(PortId port, Frame frame) {
  transmitted.emplace_back(port, std::move(frame));
}

}  // namespace warp::lcore

// Control's end of the rings: packets to the workers, and what comes back.
#include <rte_cycles.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/plane/dpdk_dataplane.h"
#include "dataplane/wire/message.h"

namespace warp::lcore {
namespace {

rte_mbuf* Mbuf(PacketBuffer* buffer) { return reinterpret_cast<rte_mbuf*>(buffer); }
PacketBuffer* Buffer(rte_mbuf* packet) { return reinterpret_cast<PacketBuffer*>(packet); }

// Field by field, as they were written: a copy of the whole would wait for the writes to leave the store buffer
// (docs/decisions.md, *store forwarding*).
void CopyArrival(const InboundMeta& meta, Arrival* arrival) {
  arrival->port = meta.port;
  arrival->from = meta.from;
  arrival->to = meta.to;
}

// Takes the buffer out of control's hands, so that `packet` is empty. A buffer from a port's pool counts as given back.
rte_mbuf* Take(Packet&& packet) {
  assert(packet);
  rte_mbuf* mbuf = Mbuf(packet.Release());
  PacketMeta& meta = MetaOf(mbuf);
  if (meta.returned != nullptr) std::exchange(meta.returned, nullptr)->Add();
  return mbuf;
}

// The time-stamp counter when `left` has passed since it stood at `now`.
uint64_t DeadlineIn(uint64_t now, wire::Duration left) {
  if (left == SendRequest::kUnlimited) return kNoDeadline;
  static const double ticks_per_ns = static_cast<double>(rte_get_tsc_hz()) / 1e9;
  return now + static_cast<uint64_t>(static_cast<double>(std::max(left, wire::Duration()).count()) *
                                     ticks_per_ns);
}

void Address(rte_mbuf* payload, const SendRequest& request, uint64_t now, bool sealed) {
  OutboundMeta& meta = MetaOf(payload).out;
  meta.peer = request.peer;
  meta.ticket = request.ticket;
  meta.session_index = request.session_index;
  meta.counter = request.counter;
  meta.paths = request.paths;
  meta.deadline = DeadlineIn(now, request.time_left);
  meta.completion = request.completion;
  meta.counter_reserved = request.counter_reserved;
  meta.sealed = sealed;
  meta.traffic_class = static_cast<uint8_t>(request.dscp << 2);
}

// A payload is only an mbuf in the rings. Here it takes the type of what it holds.
void HandBack(rte_mbuf* payload, bool sealed, Completion* completion) {
  completion->sealed = Sealed(Buffer(sealed ? payload : nullptr));
  completion->plaintext = Plaintext(Buffer(sealed ? nullptr : payload));
}

// Control is about to read what still lies in the cache of the worker that wrote it.
void Prefetch(std::span<rte_mbuf* const> packets) {
  for (rte_mbuf* packet : packets) {
    rte_prefetch0(packet);
    rte_prefetch0(&MetaOf(packet));
    rte_prefetch0(reinterpret_cast<const uint8_t*>(&MetaOf(packet)) + RTE_CACHE_LINE_SIZE);
  }
  for (rte_mbuf* packet : packets) rte_prefetch0(rte_pktmbuf_mtod(packet, const void*));
}

}  // namespace

// --- Sending. ---

PacketBuffer* DpdkDataplane::Allocate(rte_mempool* pool) {
  assert(control_.IsCurrent());
  rte_mbuf* packet = rte_pktmbuf_alloc(pool);
  if (packet == nullptr) return nullptr;
  MetaOf(packet).returned = nullptr;
  return Buffer(packet);
}

Plaintext DpdkDataplane::AllocatePlaintext() { return Plaintext(Allocate(buffers_->payloads())); }
Frame DpdkDataplane::AllocateFrame() { return Frame(Allocate(buffers_->frames())); }

size_t DpdkDataplane::max_plaintext() const {
  return buffers_->plan().data_room - RTE_PKTMBUF_HEADROOM - wire::kTagSize;
}

void DpdkDataplane::Submit(WorkerId home, std::span<Plaintext> packets,
                           std::span<const SendRequest> requests) {
  assert(control_.IsCurrent());
  assert(requests.size() == packets.size());
  rte_mbuf* payloads[kBurst];
  size_t count = 0;
  const uint64_t now = rte_rdtsc();
  for (size_t i = 0; i < packets.size(); ++i) {
    payloads[count] = Take(std::move(packets[i]));
    assert(!packets[i]);
    Address(payloads[count++], requests[i], now, /*sealed=*/false);
    if (count == kBurst || i + 1 == packets.size())
      PushPayloads(home, {payloads, std::exchange(count, 0)});
  }
}

void DpdkDataplane::SubmitSealed(WorkerId home, Sealed packet, const SendRequest& request) {
  assert(control_.IsCurrent());
  rte_mbuf* payload = Take(std::move(packet));
  Address(payload, request, rte_rdtsc(), /*sealed=*/true);
  PushPayloads(home, {&payload, 1});
}

void DpdkDataplane::PushPayloads(WorkerId home, std::span<rte_mbuf*> payloads) {
  const size_t pushed = exchange_->lanes[home]->payloads.Push(payloads);
  if (pushed > 0) to_wake_[home] = 1;
  for (rte_mbuf* payload : payloads.subspan(pushed)) Refuse(payload, wire::Drop::kRingFull);
}

bool DpdkDataplane::TakeBack(WorkerId home) {
  assert(control_.IsCurrent());
  PayloadRing& ring = exchange_->lanes[home]->payloads;
  rte_mbuf* payloads[kBurst];
  while (const size_t count = ring.Pop(payloads)) {
    for (rte_mbuf* payload : std::span(payloads, count)) Refuse(payload, wire::Drop::kNoPath);
  }
  return ring.empty();
}

// The payload goes back with its completion as it is, if one was asked for.
void DpdkDataplane::Refuse(rte_mbuf* payload, wire::Drop reason) {
  const OutboundMeta& meta = MetaOf(payload).out;
  if (!meta.completion) {
    drops_.Add(reason);
    return rte_pktmbuf_free(payload);
  }
  Completion completion;
  completion.ticket = meta.ticket;
  completion.reason = reason;
  HandBack(payload, meta.sealed, &completion);
  refused_.push_back(std::move(completion));
}

void DpdkDataplane::Transmit(PortId port, Frame frame) {
  assert(control_.IsCurrent());
  const PortView* view = publisher_->current().FindPort(port);
  rte_mbuf* packet = Take(std::move(frame));
  if (view == nullptr) {
    drops_.Add(wire::Drop::kNoPath);
    return rte_pktmbuf_free(packet);
  }
  const WorkerId worker = view->slot->worker;
  if (!exchange_->lanes[worker]->frames.Push(
          {.frame = packet, .generation = view->generation, .port = port})) {
    drops_.Add(wire::Drop::kRingFull);
    return rte_pktmbuf_free(packet);
  }
  to_wake_[worker] = 1;
}

// --- Receiving. Each round begins with another lane, so that none is starved by a busy one. ---

template <typename T, typename RingOf, typename Fill>
size_t DpdkDataplane::ReceiveFrom(RingOf ring_of, size_t first_lane, std::span<T> out, Fill fill) {
  assert(control_.IsCurrent());
  size_t count = 0;
  const size_t lanes = exchange_->lanes.size();
  for (size_t i = 0; i < lanes; ++i) {
    auto& from = ring_of(*exchange_->lanes[(first_lane + i) % lanes]);
    while (count < out.size()) {
      rte_mbuf* packets[kBurst];
      const size_t popped =
          from.Pop(std::span(packets).first(std::min<size_t>(kBurst, out.size() - count)));
      if (popped == 0) break;
      Prefetch({packets, popped});
      for (size_t k = 0; k < popped; ++k) fill(packets[k], MetaOf(packets[k]).in, &out[count++]);
    }
  }
  return count;
}

size_t DpdkDataplane::ReceiveOpened(std::span<OpenedPacket> out) {
  assert(control_.IsCurrent());
  first_lane_ = (first_lane_ + 1) % exchange_->lanes.size();
  publisher_->Reclaim();  // Control is done with what the last batch pointed to.
  Advance();
  rte_mbuf* packets[OpenedMerge::kMost];
  const size_t count = opened_merge_.Take(
      *exchange_, std::span(packets).first(std::min(out.size(), OpenedMerge::kMost)));
  for (size_t i = 0; i < count; ++i) {
    if (i % kBurst == 0) Prefetch({packets + i, std::min<size_t>(kBurst, count - i)});
    const InboundMeta& meta = MetaOf(packets[i]).in;
    OpenedPacket& opened = out[i];
    opened.packet = Plaintext(Buffer(packets[i]));
    opened.session = meta.session;
    opened.peer = meta.peer;
    opened.counter = meta.counter;
    CopyArrival(meta, &opened.arrival);
    if (wire::IsAnswered(opened.packet.bytes())) opened.arrival.from_mac = meta.from_mac;
  }
  return count;
}

std::optional<NewestArrival> DpdkDataplane::Newest(const PathCounters& path) const {
  const std::optional<NewestCell::Reading> newest = path.newest.Read();
  if (!newest) return std::nullopt;
  static const double ns_per_tick = 1e9 / static_cast<double>(rte_get_tsc_hz());
  // Counters of different CPUs may differ a little.
  const uint64_t now = std::max(rte_rdtsc(), newest->cycles);
  const auto age = static_cast<int64_t>(static_cast<double>(now - newest->cycles) * ns_per_tick);
  return NewestArrival{
      .counter = newest->counter, .session = newest->session, .age = std::chrono::nanoseconds(age)};
}

// Few messages are taken at a time, and not in every turn of control. So each rank has a round of its own. By the
// turns it might always meet the same lane first.
size_t DpdkDataplane::ReceiveHandshakes(HandshakeRank rank, std::span<HandshakePacket> out) {
  size_t& first_lane = first_handshake_lane_.at(static_cast<size_t>(rank));
  first_lane = (first_lane + 1) % exchange_->lanes.size();
  return ReceiveFrom(
      [rank](Lane & lane) -> auto& { return lane.handshakes_of(rank); }, first_lane, out,
      [](rte_mbuf* packet, const InboundMeta& meta, HandshakePacket* handshake) {
        handshake->packet = Sealed(Buffer(packet));
        CopyArrival(meta, &handshake->arrival);
        handshake->arrival.from_mac = meta.from_mac;
      });
}

size_t DpdkDataplane::ReceiveForeign(std::span<ForeignFrame> out) {
  return ReceiveFrom(
      [](Lane & lane) -> auto& { return lane.foreign; }, first_lane_, out,
      [](rte_mbuf* packet, const InboundMeta& meta, ForeignFrame* foreign) {
        foreign->packet = Frame(Buffer(packet));
        foreign->port = meta.port;
      });
}

size_t DpdkDataplane::ReceiveCompletions(std::span<Completion> out) {
  assert(control_.IsCurrent());
  size_t count = 0;
  const size_t own = std::min(out.size(), refused_.size());
  for (; count < own; ++count) out[count] = std::move(refused_[count]);
  refused_.erase(refused_.begin(), refused_.begin() + static_cast<ptrdiff_t>(own));
  const size_t lanes = exchange_->lanes.size();
  for (size_t i = 0; i < lanes; ++i) {
    const std::unique_ptr<Lane>& lane = exchange_->lanes[(first_lane_ + i) % lanes];
    if (lane->completions.empty()) continue;  // The array below is not even initialised then.
    // A worker that found no room for reports may have gone to sleep before its payloads.
    if (lane->completions.Room() < kBurst * lanes) to_wake_[(first_lane_ + i) % lanes] = 1;
    Report reports[kBurst];
    while (count < out.size()) {
      const size_t popped = lane->completions.Pop(
          std::span(reports).first(std::min<size_t>(kBurst, out.size() - count)));
      if (popped == 0) break;
      for (const Report& report : std::span(reports, popped)) {
        Completion& completion = out[count++];
        completion.ticket = report.ticket;
        completion.taken = report.taken;
        completion.reports = report.reports;
        completion.reason = report.reason;
        HandBack(report.payload, report.sealed, &completion);
      }
    }
  }
  return count;
}

// --- Buffers. ---

Buffers::Rooms DpdkDataplane::RoomsOf(const BufferNeeds& needs) const {
  Buffers::Rooms rooms{.opening = {}, .closing = ports_->RoomsOf(needs.closing)};
  for (const uint16_t mtu : needs.opening)
    rooms.opening.push_back(buffers_->PlanOfPort(mtu).data_room);
  return rooms;
}

void DpdkDataplane::PrepareBuffers(const BufferNeeds& needs) {
  assert(control_.IsCurrent());
  buffers_->Prepare(needs.mtu, RoomsOf(needs));
}

absl::StatusOr<bool> DpdkDataplane::BuffersPrepared() const {
  assert(control_.IsCurrent());
  return buffers_->Prepared();
}

void DpdkDataplane::GrowBuffers(const BufferNeeds& needs) {
  assert(control_.IsCurrent());
  buffers_->Grow(needs.mtu, RoomsOf(needs));
}

absl::StatusOr<bool> DpdkDataplane::BuffersGrown() const {
  assert(control_.IsCurrent());
  return buffers_->Grown();
}

void DpdkDataplane::SettleBuffers(uint16_t mtu) {
  assert(control_.IsCurrent());
  buffers_->Settle(mtu);
  ports_->TrimIdle();
}

}  // namespace warp::lcore

#include "control/tunnel/reassembler.h"

#include <algorithm>
#include <utility>

#include "control/protocol/constants.h"

namespace warp::control {
namespace {

constexpr size_t kMinEntries = 256;
constexpr size_t kMinBytes = size_t{4} << 20;
constexpr size_t kMaxBytes = size_t{64} << 20;
constexpr size_t kLargestFragment = 9600;  // of the largest MTU that a port may have

// A path stays in use while its probes are answered within this time, so that its copies come no later.
constexpr wire::Duration kLongestDelay =
    protocol::Timers{}.probe_interval * int64_t{protocol::kMaxOutstandingProbes};

}  // namespace

using wire::Bytes;
using wire::Drop;
using wire::FragmentHeader;
using wire::kFragmentHeaderSize;

// The window forgets a counter when so many later ones were delivered, and a payload takes two counters at least.
Reassembler::Limits Reassembler::LimitsFor(size_t window) {
  return {.max_bytes = std::clamp(window * kLargestFragment, kMinBytes, kMaxBytes),
          .max_entries = std::max(kMinEntries, window / 2),
          .timeout_ns = kLongestDelay.count()};
}

void Reassembler::SetLimits(const Limits& limits) {
  wanted_ = limits;
  const bool fits = bytes_ <= wanted_.max_bytes && entries() <= wanted_.max_entries;
  if (fits) limits_ = wanted_;
  limits_.max_bytes = std::max(limits_.max_bytes, wanted_.max_bytes);
  limits_.max_entries = std::max(limits_.max_entries, wanted_.max_entries);
}

std::optional<Reassembler::Piece> Reassembler::Read(Bytes plaintext) {
  if (wire::ClassifyPlaintext(plaintext) == wire::Kind::kSequencedFragment) {
    const auto header = wire::ReadSequencedFragmentHeader(plaintext);
    if (!header) return std::nullopt;
    return Piece{.header = {.tunnel_id = header->payload.tunnel_id,
                            .flow = header->payload.flow,
                            .index = header->index,
                            .count = header->count,
                            .chunk = header->chunk},
                 .place = header->payload,
                 .bytes = plaintext.subspan(
                     wire::HeaderSizeOf(wire::Kind::kSequencedFragment, header->payload.flow))};
  }
  const std::optional<FragmentHeader> header = wire::ReadFragmentHeader(plaintext);
  if (!header) return std::nullopt;
  return Piece{.header = *header,
               .place = {},
               .bytes = plaintext.subspan(wire::HeaderSizeOf(wire::Kind::kFragment, header->flow))};
}

Reassembler::Result Reassembler::Add(int64_t now_ns, uint64_t session, uint64_t counter,
                                     Bytes plaintext) {
  Result result;
  result.timed_out = Expire(now_ns);
  SetLimits(wanted_);

  const std::optional<Piece> piece = Read(plaintext);
  if (!piece || counter < piece->header.index) {
    result.drop = Drop::kMalformed;
    return result;
  }
  const FragmentHeader* const header = &piece->header;
  if (kEntryCost + size_t{header->count} * header->chunk > limits_.max_bytes ||
      limits_.max_entries == 0) {
    result.drop = Drop::kTooLarge;
    return result;
  }

  const Key key{
      .session = session, .first_counter = counter - header->index, .tunnel_id = header->tunnel_id};
  const auto found = index_.find(key);
  const Queue::iterator entry =
      found != index_.end() ? found->second : Start(key, *piece, now_ns, &result);
  if (entry->count != header->count || entry->chunk != header->chunk ||
      entry->flow != header->flow || entry->place != piece->place) {
    Remove(entry);
    result.drop = Drop::kReassemblyConflict;
    return result;
  }
  if (std::find(entry->order.begin(), entry->order.end(), header->index) != entry->order.end()) {
    result.drop = Drop::kDuplicate;
    return result;
  }

  const Bytes chunk = piece->bytes;
  Reserve(entry, chunk.size(), &result);
  entry->bytes.insert(entry->bytes.end(), chunk.begin(), chunk.end());
  entry->order.push_back(header->index);
  if (entry->order.size() == entry->count) {
    result.payload = Payload{.tunnel_id = key.tunnel_id,
                             .flow = entry->flow,
                             .bytes = TakeWhole(*entry),
                             .place = entry->place};
    Remove(entry);
  }
  return result;
}

uint32_t Reassembler::Expire(int64_t now_ns) {
  uint32_t expired = 0;
  while (!queue_.empty() && queue_.front().deadline_ns <= now_ns) {
    Remove(queue_.begin());
    ++expired;
  }
  return expired;
}

std::optional<int64_t> Reassembler::NextTimeout() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.front().deadline_ns;
}

Reassembler::Queue::iterator Reassembler::Start(const Key& key, const Piece& piece, int64_t now_ns,
                                                Result* result) {
  while (index_.size() >= limits_.max_entries || bytes_ + kEntryCost > limits_.max_bytes) {
    Remove(queue_.begin());
    ++result->evicted;
  }
  const auto entry = queue_.insert(queue_.end(), Entry{.key = key,
                                                       .deadline_ns = now_ns + limits_.timeout_ns,
                                                       .count = piece.header.count,
                                                       .chunk = piece.header.chunk,
                                                       .flow = piece.header.flow,
                                                       .place = piece.place});
  entry->order.reserve(std::min<size_t>(piece.header.count, 16));
  index_.emplace(key, entry);
  bytes_ += kEntryCost;
  return entry;
}

// Makes room for `more` bytes of the entry, and for as much again as it has then: payloads of two fragments are never
// moved, and longer ones seldom. Add has seen that the entry fits when it is alone.
void Reassembler::Reserve(Queue::iterator entry, size_t more, Result* result) {
  const size_t reserved = entry->bytes.capacity();
  const size_t needed = entry->bytes.size() + more;
  if (needed <= reserved) return;
  const size_t whole = size_t{entry->count} * entry->chunk;
  const size_t next = std::min(whole, 2 * needed);
  while (bytes_ + next - reserved > limits_.max_bytes) {
    const Queue::iterator oldest = queue_.begin();
    Remove(oldest == entry ? std::next(oldest) : oldest);
    ++result->evicted;
  }
  entry->bytes.reserve(next);
  entry->cost += next - reserved;
  bytes_ += next - reserved;
}

// The payload of an entry that has all fragments. Mostly they came in order and nothing has to move. All are `chunk`
// long but the one with the last index.
std::vector<uint8_t> Reassembler::TakeWhole(Entry& entry) {
  if (std::is_sorted(entry.order.begin(), entry.order.end())) return std::move(entry.bytes);
  std::vector<uint8_t> whole(entry.bytes.size());
  auto from = entry.bytes.cbegin();
  for (const uint8_t index : entry.order) {
    const size_t offset = size_t{index} * entry.chunk;
    const size_t size = index == entry.count - 1 ? whole.size() - offset : size_t{entry.chunk};
    std::copy_n(from, size, whole.begin() + static_cast<ptrdiff_t>(offset));
    from += static_cast<ptrdiff_t>(size);
  }
  return whole;
}

void Reassembler::Remove(Queue::iterator entry) {
  bytes_ -= entry->cost;
  index_.erase(entry->key);
  queue_.erase(entry);
}

}  // namespace warp::control

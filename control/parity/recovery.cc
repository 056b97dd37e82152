#include "control/parity/recovery.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "control/parity/flow_in_block.h"

namespace warp::parity {
namespace {

using wire::Instant;

// What a parity takes beside its symbol.
constexpr size_t kParityCost = 128;

}  // namespace

Recovery::Sequence Recovery::Expand(uint32_t sequence) const {
  if (newest_ == 0) return (Sequence{1} << 32) + sequence;
  const auto step = static_cast<int32_t>(sequence - static_cast<uint32_t>(newest_));
  return newest_ + static_cast<uint64_t>(int64_t{step});
}

// --- Payloads. ---

void Recovery::Keep(Instant, const wire::SequencedHeader& header, wire::Bytes payload) {
  const Sequence sequence = Expand(header.sequence);
  newest_ = std::max(newest_, sequence);
  Store(sequence, header.flow, payload);
  // The block that begins before it, where it has one that waits.
  const auto after = blocks_.upper_bound(sequence);
  if (after == blocks_.begin()) return;
  const auto block = std::prev(after);
  if (sequence < block->first + block->second.count) Try(block);
}

void Recovery::Store(Sequence sequence, const wire::Flow& flow, wire::Bytes payload) {
  if (sequence + kMostPayloads <= newest_) return;
  Kept& kept = SlotOf(sequence);
  // What is counted is what the memory is, not what is used of it.
  kept_bytes_ -= kept.bytes.capacity();
  kept.sequence = sequence;
  kept.flow = flow;
  kept.bytes.assign(payload.begin(), payload.end());
  kept_bytes_ += kept.bytes.capacity();
  oldest_ = std::min(oldest_, sequence);
  MoveOldest();
  for (; kept_bytes_ > kMostBytes && oldest_ < newest_; ++oldest_) Drop(SlotOf(oldest_));
}

// What is further back has lost its place, or keeps that of a newer one until it comes.
void Recovery::MoveOldest() {
  oldest_ = std::max(oldest_, newest_ + 1 - std::min(newest_, kMostPayloads));
}

bool Recovery::GiveUpOldest() {
  MoveOldest();
  const bool keeps = kept_bytes_ > 0 && oldest_ <= newest_;
  if (!blocks_.empty() && (!keeps || blocks_.begin()->first <= oldest_)) {
    End(blocks_.begin(), &ended_.too_few);
    return true;
  }
  if (keeps) Drop(SlotOf(oldest_++));
  return keeps;
}

void Recovery::Drop(Kept& kept) {
  kept_bytes_ -= kept.bytes.capacity();
  kept = Kept();
}

// --- Parity. ---

void Recovery::Add(Instant now, const wire::ParityHeader& header, wire::Bytes symbol) {
  if (kept_.empty()) kept_.resize(kMostPayloads);
  until_ = now + kRest;
  const Sequence first = Expand(header.first);
  newest_ = std::max(newest_, first + header.count - 1);
  const auto [block, is_new] = blocks_.try_emplace(first);
  Block& its = block->second;
  if (is_new) {
    its.count = header.count;
    its.hold = header.hold;
    its.flows = header.flows;
    its.tunnel_id = header.tunnel_id;
    its.until = now + kWait;
  }
  const bool repeated =
      std::any_of(its.parities.begin(), its.parities.end(),
                  [&](const Parity& parity) { return parity.index == header.index; });
  if (header.count != its.count || header.flows != its.flows || repeated ||
      (!its.parities.empty() && its.parities.front().symbol.size() != symbol.size())) {
    ++ended_.conflict;
    return;
  }
  its.parities.push_back(
      {.index = header.index, .length = header.length, .symbol = {symbol.begin(), symbol.end()}});
  parity_bytes_ += kParityCost + symbol.size();
  Try(block);
  while (blocks_.size() > kMostBlocks || parity_bytes_ > kMostBytes) {
    End(blocks_.begin(), &ended_.too_few);
  }
}

void Recovery::Try(Blocks::iterator at) {
  const Sequence first = at->first;
  Block& block = at->second;
  std::vector<Known> known;
  std::vector<size_t> missing;
  std::vector<std::vector<uint8_t>> behind_flows(block.flows ? block.count : 0);
  for (size_t place = 0; place < block.count; ++place) {
    const Kept& kept = SlotOf(first + place);
    if (kept.sequence == first + place) {
      if (block.flows) PutBehindFlow(kept.flow, kept.bytes, &behind_flows[place]);
      known.push_back({.place = place, .bytes = block.flows ? behind_flows[place] : kept.bytes});
    } else {
      missing.push_back(place);
      if (missing.size() > block.parities.size()) return;
    }
  }
  if (missing.empty()) {
    End(at, &ended_.unused);
    return;
  }
  std::vector<const Parity*> parities;
  for (const Parity& parity : block.parities) {
    if (parities.size() < missing.size()) parities.push_back(&parity);
  }
  std::optional<std::vector<Restored>> all = Restore(known, missing, parities);
  if (!all.has_value()) {
    End(at, &ended_.conflict);
    return;
  }
  ended_.unused += block.parities.size() - missing.size();
  for (Restored& one : *all) {
    if (!TakeRestored(first + one.place, block, std::move(one.bytes))) ++ended_.conflict;
  }
  uint64_t used = 0;
  End(at, &used);
}

bool Recovery::TakeRestored(Sequence sequence, const Block& block, std::vector<uint8_t> bytes) {
  wire::SequencedHeader header{.tunnel_id = block.tunnel_id,
                               .sequence = static_cast<uint32_t>(sequence)};
  wire::SetHoldByte(block.hold, &header);
  if (block.flows) {
    const std::optional<wire::Flow> flow = TakeFlow(&bytes);
    if (!flow.has_value()) return false;
    header.flow = *flow;
  }
  Store(sequence, header.flow, bytes);
  restored_.push_back({header, std::move(bytes)});
  return true;
}

Recovery::Blocks::iterator Recovery::End(Blocks::iterator block, uint64_t* how) {
  for (const Parity& parity : block->second.parities) {
    parity_bytes_ -= kParityCost + parity.symbol.size();
    ++*how;
  }
  return blocks_.erase(block);
}

// --- Time. ---

void Recovery::Clear() {
  while (!blocks_.empty()) End(blocks_.begin(), &ended_.too_few);
  for (Kept& kept : kept_) Drop(kept);
  newest_ = oldest_ = 0;
}

void Recovery::Expire(Instant now) {
  for (auto block = blocks_.begin(); block != blocks_.end();) {
    block = block->second.until <= now ? End(block, &ended_.too_few) : std::next(block);
  }
  if (now < until_ || kept_.empty()) return;
  Clear();
  kept_ = {};
}

}  // namespace warp::parity

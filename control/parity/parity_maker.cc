#include "control/parity/parity_maker.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "control/parity/flow_in_block.h"
#include "dataplane/wire/message.h"

namespace warp::parity {
namespace {

using wire::Duration;
using wire::Instant;
using wire::PathMask;

constexpr Duration kPatience = std::chrono::milliseconds(20);
constexpr Duration kLookInterval = std::chrono::milliseconds(100);
// Bytes of parity that a tunnel may save up with `fec: auto`.
constexpr double kMostCredit = 64e3;

template <typename Use>
void ForEachSlot(PathMask paths, Use use) {
  for (; paths != 0; paths &= paths - 1) use(static_cast<size_t>(std::countr_zero(paths)));
}

}  // namespace

void ParityMaker::SetPolicy(const config::Fec& fec, Duration deadline) {
  deadline_ = deadline;
  patience_ = std::min(kPatience, deadline / 4);
  if (fec == fec_) return;
  fec_ = fec;
  shape_ = fec.automatic ? Shape() : Shape{fec.payloads, fec.parities};
  look_at_ = {};
}

void ParityMaker::SetRisk(Instant now, const Risk& risk) {
  const Duration since = now - looked_;
  const double per_block = since <= Duration::zero()
                               ? 1
                               : static_cast<double>(payloads_) *
                                     static_cast<double>(patience_.count()) /
                                     static_cast<double>(std::max(since, kLookInterval).count());
  shape_ = ChooseShape({.loss = risk.loss,
                        .paths = risk.paths,
                        .paths_die = risk.paths_die,
                        .target = risk.target,
                        .most = fec_.most,
                        .most_payloads = static_cast<size_t>(std::max(1.0, per_block))});
  payloads_ = 0;
  looked_ = now;
  look_at_ = now + kLookInterval;
}

// --- Which paths. ---

PathMask ParityMaker::Full(PathMask usable) const {
  if (empty()) return 0;
  const auto paths = static_cast<size_t>(std::popcount(usable));
  const size_t most = MostOnOnePath(shape_, paths);
  if (most == 0) return 0;
  PathMask full = 0;
  ForEachSlot(usable, [&](size_t slot) {
    if (placed_[slot] >= most) full |= PathMask{1} << slot;
  });
  return full == usable ? 0 : full;
}

PathMask ParityMaker::Crowded(PathMask usable) const {
  uint8_t least = UINT8_MAX;
  ForEachSlot(usable, [&](size_t slot) { least = std::min(least, placed_[slot]); });
  PathMask crowded = 0;
  ForEachSlot(usable, [&](size_t slot) {
    if (placed_[slot] > least) crowded |= PathMask{1} << slot;
  });
  return crowded;
}

void ParityMaker::NotePlaced(PathMask paths) {
  ForEachSlot(paths, [&](size_t slot) { ++placed_[slot]; });
}

// --- The block. ---

void ParityMaker::Add(Instant now, uint64_t number, const wire::SequencedHeader& place,
                      wire::Bytes payload, PathMask paths) {
  ++payloads_;
  if (!shape_.any()) return;
  if (block_.count() == 0) {
    // A shape that changes does so between blocks.
    block_.Begin(place.sequence, shape_.parities);
    placed_ = {};
    due_ = now + patience_;
    block_deadline_ = now + deadline_;
  }
  if (flows_) {
    PutBehindFlow(place.flow, payload, &with_flow_);
    payload = with_flow_;
  }
  block_.Add(wire::HoldByteOf(place), payload);
  next_ = place.sequence + 1;
  last_ = number;
  dscp_ = place.flow.dscp;
  if (fec_.automatic) {
    credit_ = std::min(kMostCredit, credit_ + fec_.most * static_cast<double>(payload.size()));
  }
  NotePlaced(paths);
}

// A block that ends early has its share of parities. Sparse payloads have more parity each; `auto` keeps its bound.
size_t ParityMaker::ParitiesNow() {
  const size_t parities =
      shape_.payloads == 0
          ? block_.parities()
          : std::min<size_t>(
                block_.parities(),
                (shape_.parities * block_.count() + shape_.payloads - 1) / shape_.payloads);
  if (!fec_.automatic || block_.size() == 0) return parities;
  const auto affordable = static_cast<size_t>(credit_ / static_cast<double>(block_.size()));
  const size_t made = std::min(parities, affordable);
  credit_ -= static_cast<double>(made * block_.size());
  return made;
}

std::vector<ParityMaker::Parity> ParityMaker::Finish() {
  std::vector<Parity> parities;
  if (block_.count() == 0) return parities;
  const size_t count = ParitiesNow();
  for (size_t index = 0; index < count; ++index) {
    parities.push_back({.number = last_,
                        .index = static_cast<uint8_t>(index),
                        .dscp = dscp_,
                        .deadline = block_deadline_,
                        .plaintext = block_.Plaintext(tunnel_id_, index, flows_)});
  }
  block_.Begin(0, 0);
  return parities;
}

void ParityMaker::Clear() {
  block_.Begin(0, 0);
  waiting_.clear();
}

// --- What waits. ---

void ParityMaker::Wait(Parity parity) {
  if (waiting_.size() == kMostWaiting) waiting_.pop_front();
  waiting_.push_back(std::move(parity));
}

const ParityMaker::Parity* ParityMaker::Find(uint64_t number, uint8_t index) const {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Parity& one) {
    return one.number == number && one.index == index;
  });
  return found == waiting_.end() ? nullptr : &*found;
}

void ParityMaker::Forget(uint64_t number, uint8_t index) {
  std::erase_if(waiting_,
                [&](const Parity& one) { return one.number == number && one.index == index; });
}

}  // namespace warp::parity

// The turns of the flows that wait for a path, and what leaves in them.
#include <algorithm>
#include <cstdint>

#include "control/bonding/bond.h"

namespace warp::bonding {

using config::TunnelMode;

std::optional<Grant> Bond::Next(Instant now) {
  for (size_t i = 0; i < order_.size(); ++i) {
    if (turn_ >= order_.size()) turn_ = 0;
    const wire::PathSlot slot = order_[turn_];
    const BondPath& path = PathOf(slot);
    if (path.clock.open(now)) {
      if (auto grant = TakeFrom(now, slot)) return grant;
    }
    ++turn_;
  }
  return std::nullopt;
}

// In a whole round nobody could send. Where all that wait are much lighter than the heaviest flow there is, many such
// rounds would follow, so that all but the last of them are taken at once. Those that are held back take no part.
void Bond::SkipRounds(Instant now, wire::PathSlot slot) {
  BondPath& path = PathOf(slot);
  int64_t rounds = INT64_MAX, in_turn = 0;
  const auto each = [&](const auto& call) {
    for (const uint16_t id : path.waiting) {
      Flow& flow = *Find(id);
      if (flow.held_until <= now) call(QueueOf(flow, slot), QuantumOf(flow));
    }
  };
  each([&](const FlowQueue& queue, int64_t quantum) {
    rounds = std::min(rounds, queue.deficit > 0 ? 0 : -queue.deficit / quantum);
    ++in_turn;
  });
  flows_looked_at_ += 2 * path.waiting.size();
  if (rounds == 0 || in_turn == 0) return;
  path.rounds += static_cast<double>(rounds) * static_cast<double>(in_turn) /
                 static_cast<double>(path.waiting.size());
  each([&](FlowQueue& queue, int64_t quantum) { queue.deficit += rounds * quantum; });
}

std::optional<Grant> Bond::TakeFrom(Instant now, wire::PathSlot slot) {
  BondPath& path = PathOf(slot);
  // Flows that may not send yet; in a row, that are held back.
  size_t passed = 0, held = 0;
  path.held_until = wire::kNever;
  while (!path.waiting.empty()) {
    const uint16_t id = path.waiting.front();
    Flow& flow = *Find(id);
    ++flows_looked_at_;
    if (flow.held_until > now) {
      path.held_until = std::min(path.held_until, flow.held_until);
      path.waiting.push_back(id);
      path.waiting.pop_front();
      if (++held == path.waiting.size()) return std::nullopt;
      if (++passed % path.waiting.size() == 0) SkipRounds(now, slot);
      continue;
    }
    held = 0;
    FlowQueue& queue = QueueOf(flow, slot);
    if (queue.deficit <= 0) {
      // Who is alone owes nobody anything for what is larger than a turn.
      if (path.waiting.size() == 1) queue.deficit = 0;
      queue.deficit += QuantumOf(flow);
      path.rounds += 1.0 / static_cast<double>(path.waiting.size());
      path.waiting.push_back(id);
      path.waiting.pop_front();
      if (path.waiting.size() > 1) {
        if (++passed % path.waiting.size() == 0) SkipRounds(now, slot);
        continue;
      }
    }
    CompactQueue<Grant>& next = queue.again.empty() ? queue.items : queue.again;
    Grant grant = next.front();
    next.pop_front();
    queue.bytes -= grant.size;
    path.queued -= grant.size;
    if (grant.again) {
      queue.again_bytes -= grant.size;
      path.again_queued -= grant.size;
    }
    if (queue.empty()) LeaveTurns(flow, id, slot);
    if (grant.again && TooLateAgain(now, flow, grant)) {
      LoseForGood(flow, grant);
      continue;
    }
    if (!grant.again && grant.deadline <= now) continue;  // its tunnel has dropped it
    // The path was allowed when the payload came here, and what was lost found one that works.
    if ((flow.spec.allowed & wire::MaskOf(slot)) == 0 || (grant.again && !Usable(flow, slot))) {
      Place(now, flow, grant, wire::MaskOf(slot));
      continue;
    }
    if (!grant.again && !path.waiting.empty()) path.capacity.NoteLimited(now);
    grant.slot = slot;
    path.held_until = Instant{};
    Direct(now, flow, slot, &grant);
    return grant;
  }
  path.held_until = Instant{};
  return std::nullopt;
}

// Nothing of the flow waits for the path any more.
void Bond::LeaveTurns(Flow& flow, uint16_t id, wire::PathSlot slot) {
  BondPath& path = PathOf(slot);
  FlowQueue& queue = QueueOf(flow, slot);
  queue.crowded = path.crowded;
  queue.rounds = path.rounds;
  path.waiting.erase(std::find(path.waiting.begin(), path.waiting.end(), id));
  path.waiting_weight -= flow.weight();
}

// What was lost is of use for as long as its flow says, and may have a part of what the flow sends.
bool Bond::TooLateAgain(Instant now, const Flow& flow, const Grant& grant) const {
  return grant.taken + flow.spec.policy.resend <= now || flow.again_bytes < grant.size;
}

// Says by which paths the payload goes: over `slot` and copies beside. What is replicated goes over all of its paths,
// though it had to wait.
void Bond::Direct(Instant now, const Flow& flow, wire::PathSlot slot, Grant* grant) const {
  const bool replicates = flow.spec.policy.mode == TunnelMode::kReplicate && !grant->again;
  if (grant->parity != 0) {
    grant->paths = wire::MaskOf(slot);
    return;
  }
  grant->paths = replicates ? Replicas(now, flow, grant->size)
                            : wire::MaskOf(slot) | CopiesBeside(now, flow, slot, *grant);
}

void Bond::HoldBack(uint16_t flow, Instant until) {
  if (Flow* const found = Find(flow)) found->held_until = until;
}

}  // namespace warp::bonding

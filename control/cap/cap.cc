#include "control/cap/cap.h"

#include <algorithm>

namespace warp::cap {
namespace {

using config::CapAct;
using protocol::PortUse;

// 0 is no bound.
uint64_t Lesser(uint64_t a, uint64_t b) { return a == 0 || b == 0 ? a + b : std::min(a, b); }

}  // namespace

absl::string_view CapStateName(CapState state) {
  switch (state) {
    case CapState::kOpen:
      return "open";
    case CapState::kNear:
      return "near";
    case CapState::kReached:
      return "reached";
  }
  return "";
}

Cap::Cap(const config::PortConfig& port) : port_(port), ledger_(port.cap->period) {}

// A clock that is far behind must not put what was carried into a period long ago, or it would be gone when the clock
// is right again.
void Cap::Restore(const CapRecord& record, absl::CivilDay today) {
  lost_ = record.lost;
  Ledger before(record.period, record.entries, record.clock);
  if (record.period == policy().period) {
    ledger_ = std::move(before);
    return;
  }
  before.Look(today, true);
  const absl::CivilDay begin = BeginOf(policy().period, std::max(today, before.begin()));
  ledger_ = Ledger(policy().period, {{.begin = begin, .bytes = before.used()}}, before.clock());
}

void Cap::Lose() { lost_ = true; }

// A clock that was put right has begun no new period, of which anything would be known.
void Cap::Look(absl::CivilDay today, const ClockWatch& clock) {
  if (ledger_.Look(today, clock.stepped()) == Ledger::Turn::kPassed) lost_ = false;
}

uint64_t Cap::Count(uint64_t total) {
  const uint64_t bytes = odometer_.Advance(total);
  ledger_.Add(bytes);
  return bytes;
}

uint64_t Cap::used() const {
  return lost_ ? std::max(ledger_.used(), policy().bytes) : ledger_.used();
}

void Cap::Set(uint64_t bytes) {
  ledger_.Set(bytes);
  lost_ = false;
}

CapState Cap::state() const {
  if (used() >= policy().bytes) return CapState::kReached;
  return used() >= policy().bytes / 5 * 4 ? CapState::kNear : CapState::kOpen;
}

// Whoever pays for a link does not want to pay for probes of it either, however much is left.
PortTerms Cap::terms() const {
  PortTerms terms = TermsAsConfigured(port_);
  terms.use = PortUse::kSparing;
  const CapState now = state();
  if (now != CapState::kOpen) {
    terms.tier = std::min<uint8_t>(static_cast<uint8_t>(terms.tier + 1), config::kMaxTier);
  }
  if (now != CapState::kReached) return terms;
  switch (policy().at_limit.act) {
    case CapAct::kBackup:
      terms.use = PortUse::kLastResort;
      break;
    case CapAct::kStop:
      terms.use = PortUse::kNone;
      break;
    case CapAct::kRate:
      terms.rate.up = Lesser(terms.rate.up, policy().at_limit.rate);
      terms.rate.down = Lesser(terms.rate.down, policy().at_limit.rate);
      break;
  }
  return terms;
}

CapRecord Cap::record() const {
  return {.port = port_.name,
          .period = ledger_.period(),
          .entries = ledger_.entries(),
          .clock = ledger_.clock(),
          .lost = lost_};
}

}  // namespace warp::cap

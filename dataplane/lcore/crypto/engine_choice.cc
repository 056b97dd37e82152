#include "dataplane/lcore/crypto/engine_choice.h"

#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "dataplane/wire/constants.h"

namespace warp::lcore {
namespace {

constexpr size_t kText = 1420;
constexpr size_t kMessages = 64;  // of a round
constexpr int kRounds = 9;
constexpr double kClearly = 0.95;

// Cycles that it takes to seal one message.
double Measure(wire::AeadEngine& engine, const wire::BulkKey& key, uint64_t* counter) {
  std::array<uint8_t, wire::kMinSealedSize + kText> message{};
  const uint64_t begin = rte_rdtsc_precise();
  for (size_t i = 0; i < kMessages; ++i) {
    wire::AeadJob job{.key = &key,
                      .counter = (*counter)++,
                      .header = message.data(),
                      .text = message.data() + wire::kDataHeaderSize,
                      .text_size = kText};
    wire::AeadJob* done = nullptr;
    engine.Submit(wire::Direction::kSeal, {&job, 1});
    engine.Collect({&done, 1});
  }
  return static_cast<double>(rte_rdtsc_precise() - begin) / kMessages;
}

// The rounds of all engines take turns, so that what else the machine does disturbs them alike; the best one counts.
std::vector<EngineTime> MeasureAll() {
  struct Candidate {
    EngineTime time;
    std::unique_ptr<wire::AeadEngine> engine;
  };
  std::vector<Candidate> candidates;
  for (const wire::EngineKind kind : wire::kEngines) {
    absl::StatusOr<std::unique_ptr<wire::AeadEngine>> engine = wire::MakeEngine(kind);
    // One that lacks the best cipher would be measured by another one.
    if (!engine.ok() || wire::SupportedCiphers(kind) != wire::SupportedCiphers()) continue;
    candidates.push_back(
        {{.kind = kind, .name = std::string((*engine)->name())}, *std::move(engine)});
  }
  const wire::BulkKey key(wire::SupportedCiphers().front(), wire::SymmetricKey());
  uint64_t counter = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (Candidate& candidate : candidates) {
      const double nanoseconds =
          Measure(*candidate.engine, key, &counter) * 1e9 / static_cast<double>(rte_get_tsc_hz());
      double& best = candidate.time.nanoseconds;
      best = round == 0 ? nanoseconds : std::min(best, nanoseconds);
    }
  }
  std::vector<EngineTime> times;
  for (const Candidate& candidate : candidates) times.push_back(candidate.time);
  return times;
}

}  // namespace

const EngineTime& Fastest(std::span<const EngineTime> times) {
  const EngineTime* best = &times.front();
  for (const EngineTime& time : times) {
    if (time.nanoseconds < kClearly * best->nanoseconds) best = &time;
  }
  return *best;
}

EngineChoice ChooseEngine(wire::EngineKind wanted) {
  if (wanted != wire::EngineKind::kAuto) return {.kind = wanted, .reason = {}};
  const std::vector<EngineTime> times = MeasureAll();
  if (times.empty()) return {.kind = wanted, .reason = {}};
  return {.kind = Fastest(times).kind,
          .reason = absl::StrJoin(times, ", ", [](std::string* out, const EngineTime& time) {
            absl::StrAppendFormat(out, "%s %.0f ns", time.name, time.nanoseconds);
          })};
}

}  // namespace warp::lcore

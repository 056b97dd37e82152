// What a person wants to know first: does it work, and if something is bad, what, since when, why, and what to do.
#ifndef WARP_TOOLS_WATCH_MODEL_JUDGEMENT_H_
#define WARP_TOOLS_WATCH_MODEL_JUDGEMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/watch/model/sample.h"

namespace warp::tools {

enum class Health : uint8_t {
  kGood,  // everything carries
  kWorn,  // it works, and something is bad
  kBad,   // at least one peer is not reached, or the daemon does not answer
};

absl::string_view HealthWord(Health health);  // good, worn, bad

// One thing that is bad.
struct Trouble {
  Health health = Health::kWorn;
  std::string what;               // "Link lte is down": no full stop
  std::string why;                // for people; may be empty
  std::string advice;             // what to do, a sentence
  std::string link;               // that it is about; empty: none
  std::optional<double> since_s;  // for how long, where that is known
};

struct Judgement {
  Health health = Health::kGood;
  std::string answer;             // "It works.", a sentence
  std::string reason;             // one sentence more
  std::vector<Trouble> troubles;  // worst first
};

Judgement Judge(const Sample& sample);
// `trouble`: why there is no sample.
Judgement JudgeNothing(absl::string_view trouble);

// Whether any path of the link carries payloads to a peer.
bool Carries(const Sample& sample, absl::string_view link);

}  // namespace warp::tools

#endif  // WARP_TOOLS_WATCH_MODEL_JUDGEMENT_H_

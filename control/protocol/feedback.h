// What a receiver tells a sender that spreads payloads over paths: when the newest payload of each path came, how much
// came on it, and which counters were delivered, over whatever path. It knows neither modes nor rates: what was sent
// when over which path, the sender alone remembers.
//
//   feedback = 06 | number u16 | time u32 | base u64 | words u8 | paths u8 | paths × path | words × u32
//   path     = from u16 | to u16 | newest u32 | age u32 | packets u32 | bytes u32
//
// Feedback is sealed in the session that it speaks of. `time` and `age` are microseconds of the receiver's clock, whose
// beginning is anything, modulo 2^32. `newest` is the low half of the counter of the payload that came last on the
// path, `age` how long before `time` it came. `packets` and `bytes` count all that came on the path, duplicates too,
// modulo 2^32. `from` is the port that the path leaves at the other end, by its number there, and `to` our own, as in a
// report. `base` is a multiple of 32; bit i of word w says whether counter base + 32 × w + i was delivered. There are
// at most 32 paths and 64 words, and there may be none of either.
#ifndef WARP_CONTROL_PROTOCOL_FEEDBACK_H_
#define WARP_CONTROL_PROTOCOL_FEEDBACK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/wire/bytes.h"

namespace warp::protocol {

struct PathFeedback {
  uint16_t from = 0;
  uint16_t to = 0;
  uint32_t newest = 0;
  uint32_t age = 0;  // microseconds
  uint32_t packets = 0;
  uint32_t bytes = 0;
  friend bool operator==(const PathFeedback&, const PathFeedback&) = default;
};

struct Feedback {
  uint16_t number = 0;              // grows by one with each feedback of a session
  uint32_t time = 0;                // microseconds
  uint64_t base = 0;                // a multiple of kFeedbackWord
  std::vector<PathFeedback> paths;  // at most kMaxFeedbackPaths
  std::vector<uint32_t> words;      // at most kMaxFeedbackWords
  friend bool operator==(const Feedback&, const Feedback&) = default;
};
inline constexpr uint8_t kFeedbackMessage = 0x06;
inline constexpr size_t kMaxFeedbackPaths = 32;
inline constexpr size_t kMaxFeedbackWords = 64;
inline constexpr uint64_t kFeedbackWord = 32;  // counters

// The whole plaintext, kind byte first. `feedback` keeps to the bounds above.
std::vector<uint8_t> EncodeFeedback(const Feedback& feedback);
// A whole plaintext of a control message of this type. nullopt where it breaks the grammar: another size than its
// counts say, more paths or words than there may be, a base that is not a multiple of 32, words beyond 2^36.
std::optional<Feedback> DecodeFeedback(wire::Bytes plaintext);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_FEEDBACK_H_

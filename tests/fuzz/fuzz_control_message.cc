// Decodes messages between peers. Whatever decodes must encode to bytes that decode to the same; feedback and
// limits to the very same bytes.
#include <algorithm>
#include <variant>
#include <vector>

#include "control/protocol/control_message.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto decoded = protocol::DecodeControlMessage(wire::Bytes(data, size));
  const auto* message = std::get_if<protocol::ControlMessage>(&decoded);
  if (message == nullptr) return 0;
  const std::vector<uint8_t> encoded = protocol::EncodeControlMessage(*message);
  WARP_FUZZ_CHECK(encoded.size() == size);
  const auto again = protocol::DecodeControlMessage(encoded);
  const auto* second = std::get_if<protocol::ControlMessage>(&again);
  WARP_FUZZ_CHECK(second != nullptr && *second == *message);
  if (const auto* feedback = std::get_if<protocol::Feedback>(message)) {
    WARP_FUZZ_CHECK(std::equal(encoded.begin(), encoded.end(), data, data + size));
    WARP_FUZZ_CHECK(feedback->paths.size() <= protocol::kMaxFeedbackPaths);
    WARP_FUZZ_CHECK(feedback->words.size() <= protocol::kMaxFeedbackWords);
  }
  if (const auto* limits = std::get_if<protocol::Limits>(message)) {
    WARP_FUZZ_CHECK(std::equal(encoded.begin(), encoded.end(), data, data + size));
    WARP_FUZZ_CHECK(limits->limits.size() <= protocol::kMaxLimits);
  }
  return 0;
}

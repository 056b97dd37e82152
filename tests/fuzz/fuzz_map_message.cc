// Decodes messages between node and map. Whatever decodes must encode back to the same bytes.
#include <algorithm>
#include <variant>
#include <vector>

#include "control/protocol/map/map_message.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto decoded = protocol::DecodeMapMessage(wire::Bytes(data, size));
  if (const auto* message = std::get_if<protocol::MapMessage>(&decoded)) {
    const std::vector<uint8_t> encoded = protocol::EncodeMapMessage(*message);
    WARP_FUZZ_CHECK(std::equal(encoded.begin(), encoded.end(), data, data + size));
  }
  return 0;
}

// Feeds the reassembler any sequence of fragments from a hostile peer. The input is a list of records:
//   command u8 (session: bit 0; time that passes: bits 1-3, in 100 ms), counter u8, size u8, plaintext
#include <algorithm>

#include "control/tunnel/reassembler.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::wire;
using warp::control::Reassembler;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr Reassembler::Limits kLimits{
      .max_bytes = 100'000, .max_entries = 4, .timeout_ns = 1'000'000'000};
  Reassembler reassembler(kLimits);
  Bytes rest(data, size);
  int64_t now_ns = 0;
  while (rest.size() >= 3) {
    const uint8_t command = rest[0];
    const uint8_t counter = rest[1];
    const size_t length = std::min<size_t>(rest[2], rest.size() - 3);
    now_ns += int64_t{(command >> 1) & 7} * 100'000'000;
    const auto result = reassembler.Add(now_ns, command & 1, counter, rest.subspan(3, length));
    rest = rest.subspan(3 + length);

    WARP_FUZZ_CHECK(reassembler.entries() <= kLimits.max_entries);
    WARP_FUZZ_CHECK(reassembler.bytes() <= kLimits.max_bytes);
    WARP_FUZZ_CHECK((reassembler.entries() == 0) == (reassembler.bytes() == 0));
    WARP_FUZZ_CHECK(!(result.payload && result.drop));
    WARP_FUZZ_CHECK(!result.payload || result.payload->bytes.size() <= kMaxPayloadSize);
  }
  reassembler.Expire(now_ns + kLimits.timeout_ns);
  WARP_FUZZ_CHECK(reassembler.entries() == 0 && reassembler.bytes() == 0);
  return 0;
}

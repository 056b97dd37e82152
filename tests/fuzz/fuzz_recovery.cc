// Feeds the recovery any payloads and parities of a hostile peer. The input is a list of records:
//   time u8 (in 8 ms), size u8, then a plaintext of that size: sequenced or parity
#include <algorithm>
#include <vector>

#include "control/parity/recovery.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::wire;
using warp::parity::Recovery;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Recovery recovery;
  Instant now{std::chrono::seconds(1)};
  uint64_t parities = 0, ended = 0;
  const auto count_ended = [&] {
    const Recovery::Ended some = recovery.TakeEnded();
    ended += some.unused + some.too_few + some.conflict;
  };
  for (Bytes rest(data, size); rest.size() >= 2;) {
    now += rest[0] * kHoldUnit;
    const size_t length = std::min<size_t>(rest[1], rest.size() - 2);
    const Bytes plaintext = rest.subspan(2, length);
    rest = rest.subspan(2 + length);
    if (const auto header = ReadSequencedHeader(plaintext)) {
      recovery.Note(now, *header, plaintext.subspan(kSequencedHeaderSize));
    } else if (const auto parity = ReadParityHeader(plaintext)) {
      ++parities;
      recovery.Add(now, *parity, plaintext.subspan(kParityHeaderSize));
    } else {
      recovery.Expire(now);
    }
    for (const Recovery::Payload& one : recovery.Take()) {
      WARP_FUZZ_CHECK(one.bytes.size() <= 255);
      ++ended;
    }
    count_ended();
    WARP_FUZZ_CHECK(ended <= parities);
    WARP_FUZZ_CHECK(recovery.blocks() <= Recovery::kMostBlocks);
    WARP_FUZZ_CHECK(recovery.parity_bytes() <= Recovery::kMostBytes);
  }
  recovery.Clear();
  count_ended();
  WARP_FUZZ_CHECK(ended == parities && recovery.parity_bytes() == 0);
  return 0;
}

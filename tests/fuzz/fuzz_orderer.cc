// Feeds the orderer any sequenced payloads of a hostile peer. The input is a list of records:
//   time u8 (in 8 ms), life and path u8 (2 bits, 6 bits), hold u8 (as on the wire), sequence u32
#include <vector>

#include "control/tunnel/orderer.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::wire;
using warp::control::Delivery;
using warp::control::Orderer;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  size_t delivered = 0;
  Orderer orderer([&](const Delivery& payload) {
    WARP_FUZZ_CHECK(payload.bytes().size() == 1);
    ++delivered;
  });
  Instant now{};
  size_t taken = 0;
  for (Bytes rest(data, size); rest.size() >= 7; rest = rest.subspan(7)) {
    now += rest[0] * kHoldUnit;
    orderer.HandleTimeout(now);
    const Route path{.port = static_cast<PortId>(rest[1] & 63), .remote = {}};
    const SequencedHeader header{.hold = (rest[2] & 127) * kHoldUnit,
                                 .resend = (rest[2] & 128) != 0,
                                 .sequence = ReadAs<Le32>(rest.data() + 3).value()};
    std::vector<uint8_t> bytes(1);
    const Bytes view(bytes);
    const auto number = static_cast<uint32_t>(rest[1] >> 6);
    const Orderer::Life life{.number = number, .expires = Instant(std::chrono::hours(number))};
    const Drop drop = orderer.Add(now, life, path, header, Delivery(view, std::move(bytes)));
    if (drop == Drop::kNone) ++taken;

    WARP_FUZZ_CHECK(delivered + orderer.held() == taken);
    WARP_FUZZ_CHECK(orderer.held() <= Orderer::kMaxHeld);
    WARP_FUZZ_CHECK(orderer.held_bytes() == orderer.held() * (1 + Orderer::kEntry));
    WARP_FUZZ_CHECK((orderer.held() == 0) == (orderer.NextTimeout() == kNever));
  }
  orderer.HandleTimeout(now + Orderer::kMaxHold);
  WARP_FUZZ_CHECK(orderer.held() == 0 && delivered == taken);
  return 0;
}

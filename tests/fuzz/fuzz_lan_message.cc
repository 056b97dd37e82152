// Decodes announcements of LAN discovery, and gives them to a node that knows a peer. Whatever decodes must encode back
// to the same bytes, and nothing that is made up is anybody's.
#include <algorithm>
#include <memory>
#include <vector>

#include "control/protocol/lan/lan_discovery.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const wire::Bytes bytes(data, size);
  const auto decoded = protocol::DecodeLanAnnouncement(bytes);
  if (decoded) {
    const std::vector<uint8_t> encoded = protocol::EncodeLanAnnouncement(*decoded);
    WARP_FUZZ_CHECK(std::equal(encoded.begin(), encoded.end(), data, data + size));
  }
  const wire::Instant now = wire::Instant{} + std::chrono::hours(1);
  protocol::LanDiscovery lan(13116, 1);
  lan.SetPort(now, 0, {.addresses = {wire::IpAddress::V4({192, 0, 2, 1})}});
  lan.SetPeer(now, 0, {std::make_shared<const protocol::LanKeys>()});
  const protocol::LanDrop drop =
      lan.Handle(now, 0, protocol::kLanHops, wire::IpAddress::V4({192, 0, 2, 7}), bytes);
  WARP_FUZZ_CHECK((drop == protocol::LanDrop::kMalformed) == !decoded);
  return 0;
}

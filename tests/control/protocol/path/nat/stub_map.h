// A map that says what it is told to say, and remembers what it was asked.
#ifndef WARP_TESTS_CONTROL_PROTOCOL_PATH_NAT_STUB_MAP_H_
#define WARP_TESTS_CONTROL_PROTOCOL_PATH_NAT_STUB_MAP_H_

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "control/protocol/map/map_driver.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {

class StubMap : public MapDriver {
 public:
  StubMap(Identity& identity, SessionTable& table)
      : association_(identity, table,
                     {.remote = wire::SecretKey::Generate().Public(), .role = Role::kMap}) {}
  // Becomes a map of the node.
  static StubMap& Of(VirtualNet& net, int n) {
    auto owned = std::make_unique<StubMap>(net.node(n).identity(), net.node(n).sessions());
    StubMap& map = *owned;
    net.node(n).AddMap(net.now(), std::move(owned));
    return map;
  }

  Association& association() override { return association_; }
  void SetPorts(Instant, const std::map<PortId, PortState>&) override {}
  void SetPeers(Instant, std::span<const wire::PublicKey>) override {}
  void LookUpAgain(Instant, const wire::PublicKey&) override {}
  void LookAgain(Instant now, PortId port) override { asked.emplace_back(now, port); }
  std::optional<std::vector<wire::IpAddress>> TakeOutside() override {
    return std::exchange(outside, std::nullopt);
  }
  wire::Drop HandleControl(Instant, const OpenedMessage&, Outbox&) override {
    return wire::Drop::kNone;
  }
  Instant NextTimeout() const override {
    return found.empty() && !outside.has_value() ? kNever : Instant{};
  }
  void HandleTimeout(Instant, Outbox&) override {}
  std::vector<FoundEndpoints> TakeFound() override { return std::exchange(found, {}); }
  void Shutdown(Instant, Outbox&) override {}
  MapStatus Status() const override { return {}; }

  std::vector<FoundEndpoints> found;
  std::optional<std::vector<wire::IpAddress>> outside;
  std::vector<std::pair<Instant, PortId>> asked;  // by LookAgain

 private:
  Association association_;
};

}  // namespace warp::protocol

#endif  // WARP_TESTS_CONTROL_PROTOCOL_PATH_NAT_STUB_MAP_H_

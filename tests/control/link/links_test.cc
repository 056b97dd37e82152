#include "control/link/links.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "control/event/event.h"
#include "tests/control/fake_dataplane.h"
#include "tests/control/fake_netlink.h"

namespace warp::control {
namespace {

using namespace std::chrono_literals;

class LinksTest : public testing::Test {
 protected:
  static protocol::NodeOptions Options() {
    protocol::NodeOptions options;
    options.identity.secret_key = wire::SecretKey::Generate();
    options.identity.wall_clock = [] { return uint64_t{1}; };
    return options;
  }
  // Waits until the clock has moved by more than two snapshots are apart.
  void LetASnapshotBeDue() {
    const wire::Instant begin = loop_->BeginTurn();
    while (loop_->BeginTurn() < begin + 2ms) {
    }
  }

  std::unique_ptr<Loop> loop_ = *Loop::Open(Loop::BackEnd::kEpoll);
  FakeNetlink netlink_;
  lcore::FakeDataplane dataplane_;
  config::NodeConfig config_;
  protocol::Node node_{Options()};
  std::vector<wire::PeerId> published_;  // whose changes the snapshots took
  Links links_{{.loop = *loop_,
                .netlink = netlink_,
                .dataplane = dataplane_,
                .protocol = node_,
                .config = config_},
               [this](const Links::Published& published) {
                 EXPECT_LE(published.routes.size(), ForwardingBuilder::kPeersPerBuild);
                 published_.insert(published_.end(), published.changed.begin(),
                                   published.changed.end());
               }};
};

// Who asks when to come again must not sleep while datagrams are left.
TEST_F(LinksTest, IsDueAtOnceWhileDatagramsAreLeft) {
  LetASnapshotBeDue();
  node_.SetPort(loop_->now(), 0, {.up = true, .addresses = {wire::IpAddress::V4({10, 0, 0, 1})}});
  for (uint8_t host = 2; host < 5; ++host) {
    ASSERT_TRUE(node_.AddPeer(loop_->now(),
                              {.public_key = wire::SecretKey::Generate().Public(),
                               .endpoints = {{wire::IpAddress::V4({10, 0, 0, host}), 13116}}}));
  }
  while (node_.NextTimeout() <= loop_->now()) node_.HandleTimeout(loop_->now());
  links_.PublishIfChanged();
  for (int left = 3; left > 0; --left) {
    EXPECT_LE(links_.NextTimeout(), loop_->now()) << left;
    links_.SendDatagrams(1);
  }
  EXPECT_EQ(links_.transmitter().drops().Get(wire::Drop::kNoPath), 3u);  // there is no port
  EXPECT_EQ(links_.NextTimeout(), wire::kNever);
}

// A cable between two machines, which have no other addresses.
TEST_F(LinksTest, TheProtocolKnowsLinkLocalAddresses) {
  config::NodeConfig config;
  for (const char* name : {"l0", "l1"}) {
    config.ports.emplace_back();
    config.ports.back().name = name;
    config.ports.back().device = wire::KernelDevice{.interface = name};
    config.ports.back().optional = true;
  }
  dataplane_.port_info.mtu = 1500;
  InterfaceState& state = netlink_.interfaces["l1"];
  state.index = 1;
  state.admin_up = state.carrier = true;
  state.mtu = 1500;
  state.link_locals = {*wire::IpAddress::Parse("fe80::a")};
  Links links({.loop = *loop_,
               .netlink = netlink_,
               .dataplane = dataplane_,
               .protocol = node_,
               .config = config},
              [](const Links::Published&) {});
  ASSERT_TRUE(links.OpenPorts().ok());
  const auto peer =
      node_.AddPeer(loop_->now(), {.public_key = wire::SecretKey::Generate().Public()});
  ASSERT_TRUE(peer);
  const wire::Endpoint far = *wire::Endpoint::Parse("[fe80::b]:13116");
  node_.SetPeerEndpoints(loop_->now(), *peer, protocol::EndpointSource::kConfig, {{far}},
                         /*instance=*/*config.NumberOf("l1"));
  ASSERT_EQ(node_.Peers().at(0).paths.size(), 1u);
  EXPECT_EQ(links.PortName(node_.Peers().at(0).paths[0].port), "l1");
}

// Knows no name. The test says by which prefix the network behind an interface translates.
class PrefixResolver : public Resolver {
 public:
  std::unique_ptr<Name> Watch(absl::string_view, Handler) override { return nullptr; }
  std::unique_ptr<Name> WatchServices(absl::string_view, ServicesHandler) override {
    return nullptr;
  }
  std::unique_ptr<Name> WatchPrefixes(absl::string_view interface,
                                      PrefixesHandler handler) override {
    handlers_[std::string(interface)] = std::move(handler);
    return std::make_unique<Asked>(*this, std::string(interface));
  }
  bool asks(const std::string& interface) const { return handlers_.contains(interface); }
  void Say(const std::string& interface, const char* prefix) {
    const PrefixesHandler handler = handlers_.at(interface);
    handler(std::vector{*wire::Nat64Prefix::Make(*wire::IpAddress::Parse(prefix), 96)});
  }

 private:
  struct Asked : Name {
    Asked(PrefixResolver& r, std::string i) : resolver(r), interface(std::move(i)) {}
    ~Asked() override { resolver.handlers_.erase(interface); }
    void SetSilent(bool) override {}
    void Describe(std::vector<NameStatus>&) const override {}
    PrefixResolver& resolver;
    std::string interface;
  };
  std::map<std::string, PrefixesHandler> handlers_;
};

// A mobile network that has IPv6 alone.
TEST_F(LinksTest, APortFindsOutByWhichPrefixItsNetworkTranslates) {
  config::NodeConfig config;
  config.ports.emplace_back();
  config.ports.back().name = "l0";
  config.ports.back().device = wire::KernelDevice{.interface = "l0"};
  InterfaceState state;
  state.index = 1;
  state.admin_up = state.carrier = true;
  state.mtu = 1500;
  state.addresses = {*wire::IpAddress::Parse("2001:db8::7")};
  netlink_.interfaces["l0"] = state;
  dataplane_.port_info.mtu = 1500;
  PrefixResolver resolver;
  Links links({.loop = *loop_,
               .netlink = netlink_,
               .dataplane = dataplane_,
               .protocol = node_,
               .config = config,
               .resolver = &resolver},
              [](const Links::Published&) {});
  ASSERT_TRUE(links.OpenPorts().ok());
  const auto told = [&]() -> std::string {
    const auto& prefix = node_.ports().at(0).nat64;
    const auto translation = links.TranslationOf(*links.ports().Find(wire::PortId{0}));
    EXPECT_EQ(translation.has_value(), prefix.has_value());
    if (!prefix) return "none";
    EXPECT_EQ(translation->prefix, *prefix);
    return absl::StrCat(prefix->ToString(), " ", PrefixSourceName(translation->source));
  };
  EXPECT_EQ(told(), "64:ff9b::/96 default");
  resolver.Say("l0", "2001:db8:64::");
  EXPECT_EQ(told(), "2001:db8:64::/96 dns");
  state.translating = {*wire::Nat64Prefix::Make(*wire::IpAddress::Parse("2001:db8:65::"), 96)};
  netlink_.Change("l0", state);
  EXPECT_EQ(told(), "2001:db8:65::/96 router");
  // Behind the link that came back may be another network, whose name server is asked.
  state.carrier = false;
  state.translating.clear();
  netlink_.Change("l0", state);
  EXPECT_FALSE(resolver.asks("l0"));
  state.carrier = true;
  netlink_.Change("l0", state);
  EXPECT_TRUE(resolver.asks("l0"));
  EXPECT_EQ(told(), "2001:db8:65::/96 router") << "the first guess";
  resolver.Say("l0", "2001:db8:66::");
  EXPECT_EQ(told(), "2001:db8:66::/96 dns");
  // What the configuration says wins, be it the usual one or none.
  config.ports.back().nat64 = {.finds_out = false, .prefix = wire::Nat64Prefix::WellKnown()};
  links.RetunePort(config.ports.back());
  EXPECT_EQ(told(), "64:ff9b::/96 config");
  EXPECT_FALSE(resolver.asks("l0"));
  config.ports.back().nat64 = {.finds_out = false};
  links.RetunePort(config.ports.back());
  EXPECT_EQ(told(), "none");
  config.ports.back().nat64 = {};
  links.RetunePort(config.ports.back());
  EXPECT_TRUE(resolver.asks("l0"));
  // IPv4 of its own needs nobody who translates.
  state.addresses.push_back(*wire::IpAddress::Parse("192.0.2.7"));
  netlink_.Change("l0", state);
  EXPECT_EQ(told(), "none");
  EXPECT_FALSE(resolver.asks("l0"));
}

// The kernel reports a port's interface again and again, and at first as it was before warpd came.
TEST_F(LinksTest, EachStateOfAPortIsToldOnce) {
  std::string told;
  const auto heard = [&told](absl::FunctionRef<void()> change) {
    told.clear();
    change();
    return told;
  };
  config::NodeConfig config;
  config.ports.emplace_back();
  config.ports.back().name = "l0";
  config.ports.back().device = wire::KernelDevice{.interface = "l0"};
  InterfaceState state;
  state.index = 1;
  state.admin_up = true;
  state.mtu = 1500;
  netlink_.interfaces["l0"] = state;
  dataplane_.port_info.mtu = 1500;
  Links links({.loop = *loop_,
               .netlink = netlink_,
               .dataplane = dataplane_,
               .protocol = node_,
               .config = config,
               .raise =
                   [&told](const Event& event) {
                     EXPECT_EQ(event.port, "l0");
                     absl::StrAppend(&told, kEventFacts[static_cast<size_t>(event.kind)].name, ": ",
                                     event.reason, "\n");
                   }},
              [](const Links::Published&) {});
  EXPECT_EQ(heard([&] { EXPECT_TRUE(links.OpenPorts().ok()); }), "");
  EXPECT_EQ(heard([&] { links.Expire(); }), "");
  state.carrier = true;
  EXPECT_EQ(heard([&] { netlink_.Change("l0", state); }),
            "port_up: interface l0 has no usable address\n");
  state.addresses = {*wire::IpAddress::Parse("10.0.0.1")};
  EXPECT_EQ(heard([&] { netlink_.Change("l0", state); }), "");
  state.carrier = false;
  EXPECT_EQ(heard([&] { netlink_.Change("l0", state); }), "port_down: interface l0 has no link\n");
  state.index = 2;  // another interface, which is down
  EXPECT_EQ(heard([&] {
              netlink_.Change("l0", state);
              links.TakePortNews();
            }),
            "port_lost: interface l0 was replaced\n");
  EXPECT_EQ(heard([&] { links.Expire(); }), "");
  EXPECT_EQ(heard([&] { links.Expire(); }), "port_down: interface l0 has no link\n");
  EXPECT_EQ(heard([&] { links.Expire(); }), "");
}

// What changed since the last snapshot may be a thousand peers. The sessions among it come first, because datagrams
// wait for them.
TEST_F(LinksTest, ASnapshotTakesSomePeersAndThoseWithNewSessionsFirst) {
  constexpr uint8_t kPeers = 100;
  const wire::IpAddress here = wire::IpAddress::V4({10, 0, 0, 1});
  const wire::IpAddress there = wire::IpAddress::V4({10, 0, 0, kPeers});
  const wire::Instant now = loop_->now();
  protocol::Node remote(Options());
  remote.SetPort(now, 0, {.up = true, .addresses = {there}});
  ASSERT_TRUE(
      remote.AddPeer(now, {.public_key = node_.public_key(), .endpoints = {{here, 13116}}}));
  remote.HandleTimeout(now);
  const std::optional<protocol::Transmit> initiation = remote.NextTransmit();
  ASSERT_TRUE(initiation);

  for (uint8_t host = 2; host < kPeers; ++host) {
    ASSERT_TRUE(
        node_.AddPeer(now, {.public_key = wire::SecretKey::Generate().Public(),
                            .endpoints = {{wire::IpAddress::V4({10, 0, 0, host}), 13116}}}));
  }
  const std::optional<wire::PeerId> last = node_.AddPeer(now, {.public_key = remote.public_key()});
  ASSERT_TRUE(last);
  node_.HandleHandshake(now, {.port = 0, .from = {there, 13116}, .to = here}, initiation->datagram);

  LetASnapshotBeDue();
  links_.PublishIfChanged();
  const auto has_session = [this] {
    const auto& sessions = dataplane_.published->sessions;
    return std::any_of(sessions.begin(), sessions.end(),
                       [](const auto& entry) { return entry.session != nullptr; });
  };
  EXPECT_TRUE(has_session());
  ASSERT_EQ(published_.size(), 32u);
  EXPECT_EQ(published_.front(), *last);
  size_t snapshots = 1;
  for (; links_.NextTimeout() != wire::kNever; ++snapshots) {
    LetASnapshotBeDue();
    links_.PublishIfChanged();
    links_.SendDatagrams(10);
  }
  EXPECT_EQ(snapshots, 4u);
  ASSERT_EQ(published_.size(), size_t{kPeers} - 1);
  std::sort(published_.begin(), published_.end());
  EXPECT_EQ(std::unique(published_.begin(), published_.end()), published_.end());
}

// --- Terms. ---

// What is told of a port follows its terms, and its counters are read before they are gone.
TEST(LinksTerms, AreToldAndWhatWasCountedIsReadInTime) {
  std::unique_ptr<Loop> loop = *Loop::Open(Loop::BackEnd::kEpoll);
  FakeNetlink netlink;
  netlink.interfaces["wan0"] = {.name = "wan0",
                                .index = 2,
                                .admin_up = true,
                                .carrier = true,
                                .ethernet = true,
                                .mtu = 1500,
                                .addresses = {wire::IpAddress::V4({10, 0, 0, 1})}};
  lcore::FakeDataplane dataplane;
  dataplane.port_info.mtu = 1500;
  config::NodeConfig config;
  config.ports = {{.name = "one", .device = wire::KernelDevice{.interface = "wan0"}}};
  protocol::NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  protocol::Node node(std::move(options));
  cap::PortTerms terms;
  std::optional<uint64_t> at_first, counted;
  Links* self = nullptr;
  Links links({.loop = *loop,
               .netlink = netlink,
               .dataplane = dataplane,
               .protocol = node,
               .config = config,
               .terms = [&](const config::PortConfig&) { return terms; },
               .opened = [&](const config::PortConfig& port) { at_first = self->BytesOf(port); },
               .closing = [&](const config::PortConfig& port) { counted = self->BytesOf(port); }},
              [](const Links::Published&) {});
  self = &links;
  ASSERT_EQ(links.OpenPorts(), absl::OkStatus());
  EXPECT_TRUE(links.BytesOf(config.ports[0]).has_value());
  EXPECT_TRUE(at_first.has_value());
  const auto peer =
      node.AddPeer(loop->now(), {.public_key = wire::SecretKey::Generate().Public(),
                                 .endpoints = {{wire::IpAddress::V4({10, 0, 0, 2}), 1}}});
  const auto reason = [&] { return node.Peers()[*peer].paths[0].reason; };
  EXPECT_EQ(reason(), "new");
  terms.use = protocol::PortUse::kNone;
  links.TermsChanged(config.ports[0]);
  EXPECT_EQ(reason(), "data cap reached");
  terms.use = protocol::PortUse::kSparing;
  links.TermsChanged(config.ports[0]);
  EXPECT_EQ(reason(), "port up");
  EXPECT_EQ(node.Peers()[*peer].paths[0].use, protocol::PortUse::kSparing);
  netlink.Change("wan0", {});
  EXPECT_TRUE(counted.has_value());
  EXPECT_FALSE(links.BytesOf(config.ports[0]).has_value());
}

}  // namespace
}  // namespace warp::control

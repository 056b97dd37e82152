#include "control/status/node_requests.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/control/config/temp_dir.h"
#include "tests/control/fake_dataplane.h"
#include "tests/control/fake_netlink.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

// The requests of a node with tunnels t0, t1, ...; t0 is a stripe.
class NodeRequestsTest : public testing::Test {
 protected:
  void Make(size_t tunnels) {
    config_.peers.resize(1);
    config_.peers[0].name = "hq";
    config_.ports.resize(2);
    config_.ports[0].name = "wan0";
    config_.ports[1].name = "wan1";
    config_.ports[1].cap = config::CapPolicy{.bytes = 50'000'000'000};
    config_.tunnels.resize(tunnels);
    for (size_t i = 0; i < tunnels; ++i) {
      config::TunnelConfig& tunnel = config_.tunnels[i];
      tunnel.name = "t" + std::to_string(i);
      tunnel.id = static_cast<uint16_t>(i);
      tunnel.peer = "hq";
      tunnel.gate.unix_socket = config::UnixGateConfig{.path = directory_.At(tunnel.name),
                                                       .type = config::UnixGateType::kSeqpacket};
    }
    if (tunnels > 0) {
      config_.tunnels[0].settings.mode = config::TunnelMode::kStripe;
      config_.tunnels[0].policy = config_.tunnels[0].settings.Policy();
    }
    protocol::NodeOptions options;
    options.identity.secret_key = wire::SecretKey::Generate();
    options.identity.wall_clock = [] { return uint64_t{1}; };
    protocol_ = std::make_unique<protocol::Node>(std::move(options));
    links_ =
        std::make_unique<Links>(Links::Context{*loop_, netlink_, dataplane_, *protocol_, config_},
                                [](const Links::Published&) {});
    caps_ = std::make_unique<cap::CapBook>(config_.ports, wire::PublicKey(), absl::UTCTimeZone());
    caps_->Look(loop_->now(), absl::FromCivil(absl::CivilDay(2026, 11, 20), absl::UTCTimeZone()),
                [](const config::PortConfig&) { return std::nullopt; });
    traffic_ = std::make_unique<Traffic>(*loop_, dataplane_, *protocol_, wire::kDefaultWindow);
    for (const config::TunnelConfig& tunnel : config_.tunnels) {
      ASSERT_EQ(traffic_->AddTunnel(tunnel, links_->Route(0)), absl::OkStatus());
    }
  }

  json Ask(const std::string& line, bool may_change = true) {
    const StatusServer::Text text = requests_.Answer({.line = line, .may_change = may_change});
    std::string all;
    parts_ = 0;
    for (std::string part = text(); !part.empty(); part = text()) {
      ++parts_;
      all += part;
    }
    EXPECT_EQ(all.find('\n'), all.size() - 1) << all;
    return json::parse(all);
  }
  std::string Error(const std::string& line, bool may_change = true) {
    const json answer = Ask(line, may_change);
    return answer.contains("error") ? answer["error"].get<std::string>() : answer.dump();
  }
  const config::TunnelPolicy& Policy(size_t tunnel) const {
    return traffic_->tunnels()[tunnel]->policy();
  }

  const TempDir directory_;
  config::NodeConfig config_;
  const std::unique_ptr<Loop> loop_ = MakeLoop();
  FakeNetlink netlink_;
  lcore::FakeDataplane dataplane_;
  std::unique_ptr<protocol::Node> protocol_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<Traffic> traffic_;
  std::unique_ptr<cap::CapBook> caps_;
  absl::Status refusal_;  // of SetTerms
  config::TunnelTerms terms_;
  int changes_ = 0;
  size_t parts_ = 0;
  NodeRequests requests_{
      [this]() -> NodeView {
        return {.config = config_,
                .protocol = *protocol_,
                .dataplane = dataplane_,
                .links = *links_,
                .traffic = *traffic_,
                .caps = caps_.get(),
                .peers = [](size_t, size_t) { return std::vector<protocol::PeerStatus>(); }};
      },
      [this](const std::string& tunnel, const config::TunnelTerms& terms) {
        ++changes_;
        if (!refusal_.ok()) return refusal_;
        terms_ = terms;
        return traffic_->Change(tunnel,
                                {.policy = terms.settings.Policy(), .deadline = terms.deadline});
      },
      [this](const std::string& port, uint64_t bytes) { return caps_->Set(port, bytes); }};
};

TEST_F(NodeRequestsTest, ShowsWhatIsInForce) {
  Make(2);
  const json stripe = {{"mode", "stripe"},    {"copies", "all"},  {"order", "100ms"},
                       {"resend", "150ms"},   {"skew", "0"},      {"target", "0.1%"},
                       {"fec", "off"},        {"fec_max", "50%"}, {"weight", "1"},
                       {"deadline", "250ms"}, {"paths", "all"}};
  const json one = {{"tunnel", "t0"}, {"peer", "hq"}, {"settings", stripe}};
  EXPECT_EQ(Ask("tunnel show t0", false), json({{"policies", json::array({one})}}));
  const json all = Ask("tunnel show", false)["policies"];
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0], one);
  EXPECT_EQ(all[1]["settings"]["mode"], "replicate");
  EXPECT_TRUE(Ask("status", false).contains("tunnels"));
}

TEST_F(NodeRequestsTest, ShowsCaps) {
  Make(0);
  const json one = {{"port", "wan1"},
                    {"used", 0},
                    {"bytes", 50'000'000'000},
                    {"state", "open"},
                    {"at_limit", "backup"},
                    {"period", "month from 1"},
                    {"begins", "2026-11-01"},
                    {"ends", "2026-12-01"},
                    {"problem", ""}};
  EXPECT_EQ(Ask("cap show", false), json({{"caps", json::array({one})}}));
  EXPECT_EQ(Ask("cap show wan1", false), json({{"caps", json::array({one})}}));
  EXPECT_EQ(Error("cap show wan0"),
            "there is no port \"wan0\" with a data cap, did you mean \"wan1\"?");
}

TEST_F(NodeRequestsTest, CorrectsACap) {
  Make(0);
  const json answer = Ask("cap set wan1 45.5GB");
  EXPECT_EQ(answer["caps"][0]["used"], 45'500'000'000);
  EXPECT_EQ(answer["caps"][0]["state"], "near");
  EXPECT_EQ(Ask("cap set wan1 0")["caps"][0]["used"], 0);
  EXPECT_EQ(Error("cap set wan1 12"), "\"12\" is not a size such as 50GB or 700MB");
  EXPECT_EQ(Error("cap set wan1 -5GB"), "\"-5GB\" is not a size such as 50GB or 700MB");
  EXPECT_EQ(Error("cap set wan1 2000TB"), "\"2000TB\" is not from 0B to 1000TB");
  EXPECT_EQ(Error("cap set wan9 5GB"),
            "there is no port \"wan9\" with a data cap, did you mean \"wan1\"?");
  EXPECT_EQ(Error("cap set wan1 5GB", false),
            "only root and the user that warpd runs as may change a count");
  EXPECT_EQ(Error("cap set wan1"), "requests are: cap show [PORT]; cap set PORT BYTES");
  EXPECT_EQ(Error("cap"), "requests are: cap show [PORT]; cap set PORT BYTES");
  EXPECT_EQ(Error("cap show a b"), "requests are: cap show [PORT]; cap set PORT BYTES");
  EXPECT_EQ(Ask("cap show")["caps"][0]["used"], 0);
}

TEST_F(NodeRequestsTest, ManyTunnelsAreWrittenAFewAPart) {
  Make(100);
  EXPECT_EQ(Ask("tunnel show")["policies"].size(), 100u);
  EXPECT_EQ(parts_, 4u);
}

TEST_F(NodeRequestsTest, NoTunnelsAreNoMistake) {
  Make(0);
  EXPECT_EQ(Ask("tunnel show"), json({{"policies", json::array()}}));
}

TEST_F(NodeRequestsTest, ChangesATunnel) {
  Make(2);
  const json answer = Ask("tunnel set t1 mode=stripe order=7ms");
  EXPECT_EQ(answer["policies"][0]["settings"]["order"], "7ms");
  EXPECT_EQ(Policy(1), config::TunnelPolicy({.mode = config::TunnelMode::kStripe,
                                             .order = milliseconds(7),
                                             .resend = milliseconds(150)}));
  // What was said is remembered, and what was not follows the mode.
  Ask("tunnel set t1 mode=backup");
  EXPECT_EQ(Policy(1),
            config::TunnelPolicy({.mode = config::TunnelMode::kBackup, .order = milliseconds(7)}));
  // The file's settings are where a change begins.
  Ask("tunnel set t0 resend=0");
  EXPECT_EQ(Policy(0), config::TunnelPolicy(
                           {.mode = config::TunnelMode::kStripe, .order = milliseconds(100)}));
}

TEST_F(NodeRequestsTest, ChangesAllOrNothing) {
  Make(1);
  const config::TunnelPolicy before = Policy(0);
  EXPECT_EQ(Error("tunnel set t0 mode=backup order=5"),
            "order: \"5\" is not a duration such as 250ms, 2s or 1m");
  EXPECT_EQ(Error("tunnel set t0 mode=backup queue=1").substr(0, 18), "queue: unknown key");
  EXPECT_EQ(changes_, 0);
  refusal_ = absl::UnavailableError("the daemon ends");
  EXPECT_EQ(Error("tunnel set t0 order=1ms"), "the daemon ends");
  EXPECT_EQ(Policy(0), before);
  refusal_ = absl::OkStatus();
  Ask("tunnel set t0 skew=1ms");  // what was refused is not remembered
  EXPECT_EQ(Policy(0).order, before.order);
}

TEST_F(NodeRequestsTest, ChangesTheDeadlineAndThePaths) {
  Make(1);
  json settings =
      Ask("tunnel set t0 deadline=80ms paths=wan0>198.51.100.0/24,wan1")["policies"][0]["settings"];
  EXPECT_EQ(settings["deadline"], "80ms");
  EXPECT_EQ(settings["paths"], "wan0>198.51.100.0/24,wan1");
  EXPECT_EQ(terms_.deadline, milliseconds(80));
  EXPECT_EQ(terms_.paths.size(), 2u);
  // They stay where the next change does not name them.
  settings = Ask("tunnel set t0 mode=backup")["policies"][0]["settings"];
  EXPECT_EQ(settings["deadline"], "80ms");
  EXPECT_EQ(terms_.paths.size(), 2u);
  Ask("tunnel set t0 paths=all");
  EXPECT_TRUE(terms_.paths.empty());
  EXPECT_EQ(Error("tunnel set t0 paths=wan3"),
            "paths: there is no port \"wan3\", did you mean \"wan0\"?");
  EXPECT_TRUE(terms_.paths.empty());
}

// A tunnel whose file names no paths has those of its peer.
TEST_F(NodeRequestsTest, ShowsThePathsOfThePeer) {
  Make(1);
  config_.peers[0].paths = {{.port = "wan1"}};
  EXPECT_EQ(Ask("tunnel show t0")["policies"][0]["settings"]["paths"], "wan1");
}

TEST_F(NodeRequestsTest, WhoMayNotChangeChangesNothing) {
  Make(1);
  EXPECT_EQ(Error("tunnel set t0 mode=backup", false),
            "only root and the user that warpd runs as may change a tunnel");
  EXPECT_EQ(changes_, 0);
}

TEST_F(NodeRequestsTest, SaysWhatItDoesNotUnderstand) {
  Make(1);
  const std::string usage =
      "requests are: status; tunnel show [NAME]; tunnel set NAME KEY=VALUE...; cap show [PORT]; "
      "cap set PORT BYTES";
  for (const std::string& line :
       std::vector<std::string>{"", " ", "statu", "status ", " status", "tunnel", "tunnel ",
                                "tunnel set", "tunnel set t0", "tunnel show t0 t0", "tunnels show",
                                "tunnel drop t0", std::string("\0\0", 2)}) {
    EXPECT_EQ(Error(line), usage) << line;
  }
  EXPECT_EQ(Error("tunnel show t9"), "there is no tunnel \"t9\", did you mean \"t0\"?");
  EXPECT_EQ(Error("tunnel set office mode=stripe"), "there is no tunnel \"office\"");
  EXPECT_EQ(Error("tunnel show "), "there is no tunnel \"\"");
  EXPECT_EQ(Error("tunnel show \x1b[2J\xff"), "there is no tunnel \"\\033[2J\\377\"");
  EXPECT_EQ(Error("tunnel set t0  mode=stripe"),
            "\"\" is not a key and its value, such as order=100ms");
  EXPECT_EQ(changes_, 0);
}

}  // namespace
}  // namespace warp::control

// More clients than flows, a server that answers whom it likes, a tunnel that holds payloads back, delays and reorders
// them, and ends that start anew all the time: whatever happens, no client gets what is another's, and the server sees
// no client at the address of another.
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "control/gate/udp/udp_gate.h"
#include "tests/control/gate/udp/joined_gates.h"

namespace warp::control {
namespace {

// One direction of a tunnel. What is under way to an end that has started anew is lost with its session, and what
// comes of an end's life before is dropped.
class SlowWire : public GateSink {
 public:
  size_t OnPayloads(std::span<const wire::Bytes> payloads, wire::Flow flow) override {
    const size_t taken = std::min(payloads.size(), room);
    room -= taken;
    for (const wire::Bytes& payload : payloads.first(taken))
      under_way.emplace_back(flow, std::string(payload.begin(), payload.end()));
    return taken;
  }
  void DeliverOne(Gate& to, size_t which) {
    const auto [flow, text] = under_way[which];
    under_way.erase(under_way.begin() + static_cast<ptrdiff_t>(which));
    to.Deliver(PayloadOf(text, flow));
    to.Flush();
  }
  size_t room = SIZE_MAX;
  std::vector<std::pair<wire::Flow, std::string>> under_way;
};

class HostileFlowsTest : public testing::TestWithParam<unsigned> {
 protected:
  static constexpr size_t kClients = 6, kFlows = 4;

  HostileFlowsTest() : random_(GetParam()), server_(any_) {
    for (size_t i = 0; i < kClients; ++i)
      clients_.push_back(std::make_unique<UdpApplication>(any_));
    a_ = Open({.listen = any_, .flows = kFlows}, to_b_);
    address_ = a_->local();
    b_ = Open({.listen = any_, .deliver = server_.local(), .flows = kFlows}, to_a_);
    Meet();
  }
  std::unique_ptr<UdpGate> Open(const UdpGateOptions& options, SlowWire& sink) {
    auto gate = UdpGate::Open(*loop_, options, sink);
    EXPECT_TRUE(gate.ok()) << gate.status();
    return *std::move(gate);
  }
  size_t Any(size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random_); }

  // A session between the lives that there are now.
  void Meet() {
    a_->SetPeer({.has_flows = true, .life = life_of_b_});
    b_->SetPeer({.has_flows = true, .life = life_of_a_});
    to_a_.under_way.clear();
    to_b_.under_way.clear();
    while (!Next().empty()) {  // of addresses that are free now, and may be another's next
    }
    seen_.clear();
  }
  void StartAnew(bool a) {
    if (a) {
      a_.reset();
      a_ = Open({.listen = address_, .flows = kFlows}, to_b_);
      ++life_of_a_;
    } else {
      b_.reset();
      b_ = Open({.listen = any_, .deliver = server_.local(), .flows = kFlows}, to_a_);
      ++life_of_b_;
    }
    Meet();
  }
  void Serve() {
    for (std::vector<std::string> payloads = Next(); !payloads.empty(); payloads = Next()) {
      const auto [who, is_new] = seen_.try_emplace(server_.from, payloads[0]);
      EXPECT_EQ(who->second, payloads[0]) << server_.from.ToString();
    }
  }
  // One at a time, so that `from` is its sender.
  std::vector<std::string> Next() {
    char buffer[16];
    os::SocketAddress from;
    socklen_t length = os::SocketAddress::capacity();
    const ssize_t size = recvfrom(server_.fd(), buffer, sizeof(buffer), 0, from.get(), &length);
    if (size < 0) return {};
    server_.from = *from.ToEndpoint();
    return {std::string(buffer, static_cast<size_t>(size))};
  }
  void Answer() {
    if (seen_.empty()) return;
    auto who = seen_.begin();
    std::advance(who, Any(seen_.size()));
    for (size_t i = Any(4); i > 0; --i) server_.Send(who->first, who->second);
  }
  void Step() {
    switch (Any(12)) {
      case 0:
        return Answer();
      case 1:
        if (!to_b_.under_way.empty()) to_b_.DeliverOne(*b_, Any(to_b_.under_way.size()));
        return;
      case 2:
        if (!to_a_.under_way.empty()) to_a_.DeliverOne(*a_, Any(to_a_.under_way.size()));
        return;
      case 3:
        to_a_.room = Any(3);
        return;
      case 4:
        to_a_.room = SIZE_MAX;
        return b_->Resume();
      case 5:
        if (Any(8) == 0) StartAnew(Any(2) == 0);
        return;
      case 6:
        return Serve();
      case 7: {
        const size_t client = Any(kClients);
        clients_[client]->Send(address_, std::to_string(client));
        return;
      }
      default:
        loop_->RunOnce(64);
    }
  }

  std::mt19937 random_;
  const wire::Endpoint any_{wire::IpAddress::V4({127, 0, 0, 1}), 0};
  std::unique_ptr<Loop> loop_ = MakeLoop();
  UdpApplication server_;
  std::vector<std::unique_ptr<UdpApplication>> clients_;
  SlowWire to_b_, to_a_;
  std::unique_ptr<UdpGate> a_, b_;
  wire::Endpoint address_;
  uint32_t life_of_a_ = 1, life_of_b_ = 1;
  std::map<wire::Endpoint, std::string> seen_;  // by the server, since they met
};

INSTANTIATE_TEST_SUITE_P(Seeds, HostileFlowsTest, testing::Range(1u, 6u));

TEST_P(HostileFlowsTest, NothingCrosses) {
  size_t received = 0;
  for (int step = 0; step < 6000; ++step) {
    Step();
    for (size_t i = 0; i < kClients; ++i) {
      for (const std::string& text : clients_[i]->Receive()) {
        ++received;
        ASSERT_EQ(text, std::to_string(i)) << "step " << step;
      }
    }
    ASSERT_FALSE(HasFailure()) << "step " << step;
  }
  EXPECT_GT(received, 50u);
  EXPECT_GT(life_of_a_, 5u);
  EXPECT_GT(life_of_b_, 5u);
}

}  // namespace
}  // namespace warp::control

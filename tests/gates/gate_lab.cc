#include "tests/gates/gate_lab.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/daemon/sleep.h"
#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "dataplane/os/boot_clock.h"
#include "dataplane/wire/frame/frame.h"
#include "tests/dataplane/add_port.h"

namespace warp::control {
namespace {

constexpr uint16_t kListenPort = 13116;
constexpr wire::Duration kPatience = std::chrono::minutes(1);
constexpr wire::Duration kLongestSleep = std::chrono::milliseconds(10);

wire::Endpoint EndpointOf(size_t number) {
  return {.address = wire::IpAddress::V4({10, 0, 0, static_cast<uint8_t>(1 + number)}),
          .port = kListenPort};
}

template <typename T>
T Must(absl::StatusOr<T> value) {
  EXPECT_TRUE(value.ok()) << value.status();
  return *std::move(value);
}

}  // namespace

GateLab::GateLab(const std::vector<std::string>& devices, const config::TunnelConfig& tunnel,
                 bool inline_worker)
    : config_(tunnel), inline_worker_(inline_worker), loop_(Must(Loop::Open())) {
  const auto paths = static_cast<uint16_t>(devices.size());
  plane_ = Must(
      lcore::DpdkDataplane::Create({.max_ports = static_cast<uint16_t>(2 * paths),
                                    .worker_cpus = std::vector<int>(inline_worker ? 1 : paths, -1),
                                    .inline_worker = inline_worker,
                                    .polling = lcore::Polling::kAdaptive}));
  EXPECT_TRUE(plane_->Launch().ok());
  watch_ = std::make_unique<Watch>(*loop_, plane_->wake_fd(), POLLIN, [](uint32_t) {});
  protocol::NodeOptions options;
  options.identity.wall_clock = os::WallClockHint;
  protocol_ = std::make_unique<protocol::Node>(std::move(options));

  session_ = std::make_shared<wire::Session>(
      wire::Session::Params{.local_index = 1, .remote_index = 2, .initiator = true},
      wire::SymmetricKey(), wire::SymmetricKey());
  table_.listen_port = kListenPort;
  table_.ports.resize(2 * paths);
  peer_.send_session = session_;
  table_.sessions.resize(16);
  table_.sessions[1] = {.session = session_, .peer = 0};
  route_ = {.peer = 0, .session = session_, .max_plaintext = 1440};
  for (size_t i = 0; i < paths; ++i) AddPath(i, devices[i]);
  GivePaths();

  traffic_ = std::make_unique<Traffic>(*loop_, *plane_, *protocol_, wire::kDefaultWindow);
  EXPECT_EQ(traffic_->AddTunnel(config_, route_), absl::OkStatus());
}

// The far end of the wire is a port of this node, too. It drops what it receives, because nobody knows the session.
void GateLab::AddPath(size_t index, const std::string& arguments) {
  static std::atomic<int> serial = 0;
  const std::string wire = absl::StrCat("lab", serial++);
  std::array<wire::PortId, 2> ends{};
  for (size_t end = 0; end < 2; ++end) {
    const size_t number = 2 * index + end;
    ends[end] = Must(
        lcore::AddPort(*plane_,
                       {.name = absl::StrCat(wire, end),
                        .device = lcore::VirtualDevice{absl::StrCat(
                            "net_warp_lab", number, ",wire=", wire, end == 0 ? arguments : "")}},
                       -1));
    table_.ports[ends[end]] = {
        .present = true, .up = true, .addresses = {EndpointOf(number).address}};
  }
  ports_.push_back(ends[0]);
  peer_.paths.push_back(
      {.port = ends[0],
       .send = true,
       .remote = EndpointOf(2 * index + 1),
       .frame = wire::MakeFrameTemplate(plane_->Info(ends[0]).mac, plane_->Info(ends[1]).mac,
                                        EndpointOf(2 * index), EndpointOf(2 * index + 1)),
       .counters = std::make_shared<lcore::PathCounters>()});
  homes_.push_back(plane_->Info(ends[0]).worker);
}

void GateLab::Publish(bool paths) {
  auto snapshot = std::make_unique<lcore::Snapshot>(table_);
  const auto peer = std::make_shared<lcore::PeerEntry>(peer_);
  if (!paths) peer->paths.clear();
  snapshot->peers.push_back(peer);
  plane_->Publish(std::move(snapshot));
}

// Links (control/link/links.cc) keeps the same order: the workers get the table first, then the tunnels are told.
void GateLab::TakePaths() {
  Publish(/*paths=*/false);
  route_.homes.clear();
  traffic_->RoutesChanged({&route_.peer, 1});
}

void GateLab::GivePaths() {
  Publish(/*paths=*/true);
  route_.homes = homes_;
  if (traffic_ != nullptr) traffic_->RoutesChanged({&route_.peer, 1});
}

GateLab::~GateLab() {
  traffic_->CloseGates();
  const wire::Instant end = loop_->now() + std::chrono::milliseconds(100);
  while (loop_->now() < end) TurnOnce();
}

size_t GateLab::TurnOnce() {
  loop_->BeginTurn();
  const size_t work = plane_->TurnInlineWorker() + traffic_->ReceiveOpened() +
                      traffic_->ReceiveCompletions() + loop_->RunOnce(64);
  traffic_->Submit();
  return work;
}

void GateLab::TurnUntil(const std::function<bool()>& done) {
  const wire::Instant end = loop_->now() + kPatience;
  while (!done()) {
    if (TurnOnce() > 0) {
      spin_.Worked(loop_->now());
    } else if (spin_.over(loop_->now())) {
      SleepUntilWork(*loop_, *plane_, inline_worker_, kLongestSleep, spin_);
    } else {
      sched_yield();
    }
    ASSERT_LT(loop_->now(), end);
  }
}

uint64_t GateLab::Lost() const {
  const GateCounters& gate = tunnel().gate_counters();
  uint64_t lost = 0;
  for (size_t i = 0; i < wire::kDropCount; ++i) {
    const auto drop = static_cast<wire::Drop>(i);
    lost += tunnel().sender().drops().Get(drop) + gate.drops.Get(drop);
  }
  return lost;
}

void GateLab::TurnWhile(const std::vector<std::function<void()>>& applications) {
  std::atomic<size_t> running = applications.size();
  std::vector<std::thread> threads;
  for (const std::function<void()>& application : applications) {
    threads.emplace_back([&] {
      application();
      --running;
    });
  }
  TurnUntil([&] { return running == 0; });
  if (running > 0) CloseGate();  // the applications wait for the gate, so this ends them
  for (std::thread& thread : threads) thread.join();
}

void GateLab::Grant(size_t path) {
  static_cast<lcore::LabPort*>(plane_->slot(ports_[path]).port.get())->Grant(1);
}

}  // namespace warp::control

#include "perf/gate/gate_pair.h"

#include <poll.h>
#include <sched.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "control/daemon/sleep.h"
#include "dataplane/os/boot_clock.h"
#include "dataplane/wire/frame/frame.h"
#include "perf/bench_node.h"
#include "perf/must.h"
#include "tests/dataplane/add_port.h"

namespace warp::perf {
namespace {

constexpr size_t kEventsPerTurn = 64;
constexpr wire::Duration kLongestSleep = std::chrono::milliseconds(10);

uint64_t Nanoseconds() { return static_cast<uint64_t>(os::Now().time_since_epoch().count()); }

}  // namespace

GatePair::GatePair(const Options& options) : options_(options) {
  loop_ = Must(control::Loop::Open());
  dataplane_ =
      Must(lcore::Dataplane::Open({.max_ports = 2,
                                   .worker_cpus = {options.inline_worker ? -1 : options.worker_cpu},
                                   .inline_worker = options.inline_worker,
                                   .control_cpu = options.control_cpu,
                                   .polling = options.polling}));
  watch_ = std::make_unique<control::Watch>(*loop_, dataplane_->wake_fd(), POLLIN, [](uint32_t) {});
  protocol::NodeOptions protocol;
  protocol.identity.wall_clock = os::WallClockHint;
  protocol_ = std::make_unique<protocol::Node>(std::move(protocol));

  const SessionPair sessions = MakeSessions(wire::Cipher::kAes256Gcm);
  const std::shared_ptr<wire::Session> ends[] = {sessions.sender, sessions.receiver};
  auto snapshot = std::make_unique<lcore::Snapshot>();
  snapshot->listen_port = LocalEndpoint(0).port;
  snapshot->ports.resize(2);
  snapshot->sessions.resize(16);
  for (size_t i = 0; i < 2; ++i) {
    const wire::PortId id = Must(lcore::AddPort(
        *dataplane_,
        {.name = absl::StrCat("port", i),
         .device = lcore::VirtualDevice{absl::StrCat("net_warp_lab", i, ",wire=gates")}}));
    snapshot->ports[id] = {.present = true, .up = true, .addresses = {LocalEndpoint(i).address}};
  }
  for (uint16_t i = 0; i < 2; ++i) {
    const size_t other = 1 - i;
    const auto peer = std::make_shared<lcore::PeerEntry>();
    peer->send_session = ends[i];
    peer->paths.push_back(
        {.port = i,
         .send = true,
         .remote = LocalEndpoint(other),
         .frame = wire::MakeFrameTemplate(dataplane_->Info(i).mac,
                                          dataplane_->Info(static_cast<wire::PortId>(other)).mac,
                                          LocalEndpoint(i), LocalEndpoint(other)),
         .counters = std::make_shared<lcore::PathCounters>()});
    snapshot->peers.push_back(peer);
    snapshot->sessions[ends[i]->local_index() % 16] = {.session = ends[i], .peer = i};
    routes_[i] = {.peer = i, .session = ends[i], .max_plaintext = 1440, .homes = {0}};
  }
  dataplane_->Publish(std::move(snapshot));
}

GatePair::~GatePair() { Close(); }

void GatePair::Open(const std::vector<config::GateConfig>& near,
                    const std::vector<config::GateConfig>& far) {
  Close();
  traffic_ =
      std::make_unique<control::Traffic>(*loop_, *dataplane_, *protocol_, wire::kDefaultWindow);
  configs_.reserve(near.size() + far.size());
  for (size_t i = 0; i < near.size() + far.size(); ++i) {
    const bool is_far = i >= near.size();
    config::TunnelConfig& tunnel = configs_.emplace_back();
    tunnel.id = static_cast<uint16_t>(is_far ? i - near.size() : i);
    tunnel.name = absl::StrCat(is_far ? "far" : "near", tunnel.id);
    tunnel.peer_index = is_far ? 1 : 0;
    tunnel.gate = is_far ? far[i - near.size()] : near[i];
    MustBeOk(traffic_->AddTunnel(tunnel, routes_[tunnel.peer_index]));
  }
  cost_ = {};
}

void GatePair::Close() {
  if (traffic_ == nullptr) return;
  traffic_->CloseGates();
  const wire::Instant end = loop_->now() + std::chrono::milliseconds(300);
  while (loop_->now() < end) TurnOnce();
  traffic_.reset();
  configs_.clear();
}

void GatePair::TurnUntil(absl::FunctionRef<bool()> done) {
  while (!done()) {
    if (TurnOnce() > 0) {
      spin_.Worked(loop_->now());
    } else if (options_.spin) {
      continue;
    } else if (spin_.over(loop_->now())) {
      control::SleepUntilWork(*loop_, *dataplane_, options_.inline_worker, kLongestSleep, spin_);
    } else {
      sched_yield();
    }
  }
}

// An empty look is the price of polling, not of a payload. So a stage that finds nothing to do is not counted.
size_t GatePair::TurnOnce() {
  loop_->BeginTurn();
  const size_t turned = dataplane_->TurnInlineWorker();
  const uint64_t start = Nanoseconds();
  const size_t in = traffic_->ReceiveOpened();
  const uint64_t opened = in > 0 ? Nanoseconds() : start;
  const size_t completions = traffic_->ReceiveCompletions();
  const uint64_t completed = completions > 0 ? Nanoseconds() : opened;
  const size_t out = loop_->RunOnce(kEventsPerTurn);
  traffic_->Submit();
  if (in > 0) cost_.in += opened - start;
  if (completions > 0) cost_.completions += completed - opened;
  if (out > 0) cost_.out += Nanoseconds() - completed;
  return turned + in + completions + out;
}

uint64_t GatePair::from_app() const {
  uint64_t sum = 0;
  for (const auto& tunnel : traffic_->tunnels()) {
    if (tunnel->config().peer_index == 0) sum += tunnel->gate_counters().from_app;
  }
  return sum;
}

uint64_t GatePair::to_app() const {
  uint64_t sum = 0;
  for (const auto& tunnel : traffic_->tunnels()) {
    if (tunnel->config().peer_index == 1) sum += tunnel->gate_counters().to_app;
  }
  return sum;
}

uint64_t GatePair::drops() const {
  uint64_t sum = 0;
  for (const auto& tunnel : traffic_->tunnels()) {
    for (size_t i = 0; i < wire::kDropCount; ++i) {
      const auto drop = static_cast<wire::Drop>(i);
      sum += tunnel->sender().drops().Get(drop) + tunnel->gate_counters().drops.Get(drop);
    }
  }
  return sum;
}

}  // namespace warp::perf

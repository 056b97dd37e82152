#include "dataplane/lcore/plane/buffers.h"

#include <rte_eal.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/memory/available_memory.h"

namespace warp::lcore {
namespace {

constexpr uint64_t kMib = 1024 * 1024;

// Smaller buffers than Ethernet's usual MTU needs would save little.
constexpr uint16_t kUsualMtu = 1500;

constexpr auto kPatience = std::chrono::seconds(3);

uint16_t RoomFor(uint16_t mtu) { return DataRoom(std::max(mtu, kUsualMtu)); }

}  // namespace

Buffers::Buffers(const DataplaneOptions& options, std::shared_ptr<Exchange> exchange)
    : options_(options), exchange_(std::move(exchange)), plan_(PlanPools(options)) {}

// A thread that goes on for longer has what it makes to itself.
Buffers::~Buffers() {
  if (call_ != nullptr) call_->Await(std::chrono::steady_clock::now() + kPatience);
}

absl::Status Buffers::Open() {
  absl::StatusOr<PoolPtr> payloads = CreatePayloadPool(plan_);
  if (!payloads.ok()) return payloads.status();
  absl::StatusOr<PoolPtr> frames = CreateFramePool(plan_);
  if (!frames.ok()) return frames.status();
  payloads_ = *std::move(payloads);
  frames_ = *std::move(frames);
  return absl::OkStatus();
}

// --- Other sizes. ---

void Buffers::Prepare(uint16_t mtu, uint16_t ports) {
  outcome_ = absl::OkStatus();
  next_ = Request{.mtu = mtu, .ports = ports};
  if (call_ == nullptr) Begin(*std::exchange(next_, std::nullopt));
}

absl::StatusOr<bool> Buffers::Prepared() const {
  if (call_ != nullptr) return false;
  if (!outcome_.ok()) return outcome_;
  return true;
}

void Buffers::Begin(const Request& request) {
  for (PoolPtr& pool : prepared_) retired_.Add(std::move(pool));
  prepared_.clear();
  auto making = std::make_shared<Making>();
  DataplaneOptions options = options_;
  options.max_mtu = std::max(request.mtu, kUsualMtu);
  making->plan = PlanPools(options);
  // For the sentence about memory that does not suffice: so much was set aside at start.
  if (plan_.configured_mib == 0) making->plan.memory_mib = plan_.memory_mib;
  making->common = making->plan.data_room != plan_.data_room;
  making->ports = request.ports;
  if (!making->common && request.ports == 0) return;
  const auto ring = [exchange = exchange_] { exchange->control_bell.Ring(); };
  absl::StatusOr<std::unique_ptr<DeviceCall>> call = DeviceCall::Start(
      [making, mtu = options.max_mtu] { making->status = Make(making.get(), mtu); }, ring);
  outcome_ = call.status();
  if (!call.ok()) return;
  making_ = std::move(making);
  call_ = *std::move(call);
}

// On a thread of its own. What was made until memory ended goes again.
absl::Status Buffers::Make(Making* making, uint16_t mtu) {
  const PoolPlan& plan = making->plan;
  const auto named = [mtu](const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat("packet buffers for an MTU of ", mtu, ": ", status.message()));
  };
  uint64_t needed = making->ports * PoolSize(plan.rx_buffers, plan.data_room);
  if (making->common) {
    needed += PoolSize(plan.payload_buffers, plan.data_room) +
              PoolSize(plan.frame_buffers, plan.data_room);
  }
  if (const uint64_t available = AvailableMemory();
      !rte_eal_has_hugepages() && needed > available) {
    return named(absl::ResourceExhaustedError(
        absl::StrCat(needed / kMib + 1, " MiB are needed beside those in use, and ",
                     available / kMib, " MiB of memory are free")));
  }
  const auto keep = [&](absl::StatusOr<PoolPtr> pool, auto store) {
    if (!pool.ok()) return named(pool.status());
    store(*std::move(pool));
    return absl::OkStatus();
  };
  absl::Status status;
  if (making->common) {
    status =
        keep(CreatePayloadPool(plan), [&](PoolPtr pool) { making->payloads = std::move(pool); });
    if (!status.ok()) return status;
    status = keep(CreateFramePool(plan), [&](PoolPtr pool) { making->frames = std::move(pool); });
  }
  for (PortId port = 0; status.ok() && port < making->ports; ++port) {
    status = keep(CreateRxPool(plan, port),
                  [&](PoolPtr pool) { making->rx.push_back(std::move(pool)); });
  }
  if (!status.ok()) {
    making->payloads.reset();
    making->frames.reset();
    making->rx.clear();
  }
  return status;
}

void Buffers::TakeMade() {
  call_.reset();
  const std::shared_ptr<Making> made = std::exchange(making_, nullptr);
  outcome_ = made->status;
  if (made->status.ok()) {
    if (made->common) {
      retired_.Add(std::exchange(payloads_, std::move(made->payloads)));
      retired_.Add(std::exchange(frames_, std::move(made->frames)), /*of_frames=*/true);
      plan_ = made->plan;
    }
    prepared_ = std::move(made->rx);
  }
  if (next_.has_value()) {
    outcome_ = absl::OkStatus();
    Begin(*std::exchange(next_, std::nullopt));
  }
}

// --- For ports. ---

PoolPlan Buffers::PlanOfPort(uint16_t mtu) const {
  PoolPlan plan = plan_;
  plan.data_room = RoomFor(mtu);
  return plan;
}

PoolPtr Buffers::TakePrepared(const PoolPlan& plan) {
  const auto fitting = std::find_if(prepared_.begin(), prepared_.end(), [&](const PoolPtr& pool) {
    return rte_pktmbuf_data_room_size(pool.get()) == plan.data_room;
  });
  if (fitting == prepared_.end()) return nullptr;
  PoolPtr taken = std::move(*fitting);
  prepared_.erase(fitting);
  return taken;
}

}  // namespace warp::lcore

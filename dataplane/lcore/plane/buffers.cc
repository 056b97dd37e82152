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

// How much more than control's pools in use may be held by buffers that do not come home.
constexpr uint64_t kMostAway = 2;

uint16_t RoomFor(uint16_t mtu) { return DataRoom(std::max(mtu, kUsualMtu)); }

}  // namespace

Buffers::Buffers(const DataplaneOptions& options, std::shared_ptr<Exchange> exchange,
                 RetiredPools::InUse in_use)
    : options_(options),
      exchange_(std::move(exchange)),
      plan_(PlanPools(options)),
      in_use_(std::move(in_use)),
      retired_(in_use_) {}

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

void Buffers::Prepare(uint16_t mtu, Rooms rooms) {
  holding_ = true;
  Ask({.why = Why::kReload, .mtu = mtu, .rooms = std::move(rooms)});
}

void Buffers::Grow(uint16_t mtu, Rooms rooms) {
  Ask({.why = Why::kGrowth, .mtu = mtu, .rooms = std::move(rooms)});
}

void Buffers::Settle(uint16_t mtu) {
  holding_ = false;
  Ask({.why = Why::kSettled, .mtu = mtu, .rooms = {}});
}

void Buffers::Ask(Request request) {
  Outcome(request.why) = absl::OkStatus();
  if (call_ != nullptr) {
    next_ = std::move(request);
  } else {
    Begin(request);
  }
}

absl::StatusOr<bool> Buffers::OutcomeOf(Why why) const {
  const bool waits = next_.has_value() && next_->why == why;
  if (waits || (making_ != nullptr && making_->why == why)) return false;
  const absl::Status& outcome = outcomes_[static_cast<size_t>(why)];
  if (!outcome.ok()) return outcome;
  return true;
}

void Buffers::Begin(const Request& request) {
  if (!holding_) {
    for (PoolPtr& pool : prepared_) retired_.Add(std::move(pool), PoolPurpose::kRx);
    prepared_.clear();
  }
  auto making = std::make_shared<Making>();
  Plan(request, making.get());
  if (making->empty()) return Use(making.get());
  absl::Status& outcome = Outcome(request.why);
  outcome = CheckAway(*making);
  if (!outcome.ok()) return Retire(&back_);
  const auto ring = [exchange = exchange_] { exchange->control_bell.Ring(); };
  absl::StatusOr<std::unique_ptr<DeviceCall>> call =
      DeviceCall::Start([making] { making->status = Make(making.get()); }, ring);
  outcome = call.status();
  if (!call.ok()) return Retire(&back_);
  making_ = std::move(making);
  call_ = *std::move(call);
}

// Whatever is there of the size that is wanted need not be made.
void Buffers::Plan(const Request& request, Making* making) {
  DataplaneOptions options = options_;
  making->why = request.why;
  making->mtu = std::max(request.mtu, kUsualMtu);
  options.max_mtu = request.why == Why::kSettled ? std::min(making->mtu, max_mtu())
                                                 : std::max(making->mtu, max_mtu());
  making->plan = PlanPools(options);
  // For the sentence about memory that does not suffice: so much was set aside at start.
  if (plan_.configured_mib == 0) making->plan.memory_mib = plan_.memory_mib;
  const uint16_t room = making->plan.data_room;
  making->common = room != plan_.data_room;
  if (making->common) {
    back_.payloads = retired_.TakeBack(PoolPurpose::kPayloads, room);
    back_.frames = retired_.TakeBack(PoolPurpose::kFrames, room);
    making->payloads = back_.payloads == nullptr;
    making->frames = back_.frames == nullptr;
  }
  making->rx = MissingRooms(request.rooms);
}

// Those of ports that open for which nothing becomes free or is left over.
std::vector<uint16_t> Buffers::MissingRooms(const Rooms& rooms) {
  std::vector<uint16_t> there = rooms.closing;
  for (const std::vector<PoolPtr>* const pools : {&prepared_, &idle_}) {
    for (const PoolPtr& pool : *pools) there.push_back(rte_pktmbuf_data_room_size(pool.get()));
  }
  std::vector<uint16_t> missing;
  for (const uint16_t room : rooms.opening) {
    const auto found = std::find(there.begin(), there.end(), room);
    if (found != there.end()) {
      there.erase(found);
    } else if (PoolPtr pool = retired_.TakeBack(PoolPurpose::kRx, room); pool != nullptr) {
      back_.rx.push_back(std::move(pool));
    } else {
      missing.push_back(room);
    }
  }
  return missing;
}

uint64_t Buffers::Making::Bytes() const {
  uint64_t bytes = 0;
  if (payloads) bytes += PoolSize(plan.payload_buffers, plan.data_room);
  if (frames) bytes += PoolSize(plan.frame_buffers, plan.data_room);
  for (const uint16_t room : rx) bytes += PoolSize(plan.rx_buffers, room);
  return bytes;
}

// Buffers that never come home, as of a gate whose program has stopped, hold their pool for good. So each new size
// would take more memory, which somebody should hear before it is all gone.
absl::Status Buffers::CheckAway(const Making& making) const {
  const uint64_t away = retired_.BytesAway();
  const uint64_t in_use = PoolSize(plan_.payload_buffers, plan_.data_room) +
                          PoolSize(plan_.frame_buffers, plan_.data_room);
  if (away <= in_use * kMostAway) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "packet buffers for an MTU of ", making.mtu, ": buffers of earlier MTUs hold ", away / kMib,
      " MiB, because payloads in them have not left yet, as behind a "
      "gate whose program does not read: go back to one of those MTUs, end that "
      "program, or restart warpd"));
}

absl::Status Buffers::CheckMemory(const Making& making) {
  const uint64_t needed = making.Bytes();
  const uint64_t available = AvailableMemory();
  if (rte_eal_has_hugepages() || needed <= available) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(needed / kMib + 1,
                                                   " MiB are needed beside those in use, and ",
                                                   available / kMib, " MiB of memory are free"));
}

// On a thread of its own. What was made until memory ended goes again.
absl::Status Buffers::Make(Making* making) {
  Pools made;
  absl::Status status = CheckMemory(*making);
  const auto keep = [&](absl::StatusOr<PoolPtr> pool, PoolPtr* place) {
    if (pool.ok()) *place = *std::move(pool);
    status = pool.status();
  };
  if (status.ok() && making->payloads) keep(CreatePayloadPool(making->plan), &made.payloads);
  if (status.ok() && making->frames) keep(CreateFramePool(making->plan), &made.frames);
  while (status.ok() && made.rx.size() < making->rx.size()) {
    PoolPlan plan = making->plan;
    plan.data_room = making->rx[made.rx.size()];
    const auto port = static_cast<PortId>(made.rx.size());
    keep(CreateRxPool(plan, port), &made.rx.emplace_back());
  }
  if (!status.ok()) {
    return absl::Status(status.code(), absl::StrCat("packet buffers for an MTU of ", making->mtu,
                                                    ": ", status.message()));
  }
  making->made = std::move(made);
  return status;
}

void Buffers::TakeMade() {
  call_.reset();
  const std::shared_ptr<Making> making = std::exchange(making_, nullptr);
  Outcome(making->why) = making->status;
  if (making->status.ok()) {
    Use(making.get());
  } else {
    Retire(&back_);
  }
  if (next_.has_value()) Begin(*std::exchange(next_, std::nullopt));
}

void Buffers::Use(Making* making) {
  Pools pools = std::exchange(back_, Pools());
  if (making->payloads) pools.payloads = std::move(making->made.payloads);
  if (making->frames) pools.frames = std::move(making->made.frames);
  if (making->common) {
    retired_.Add(std::exchange(payloads_, std::move(pools.payloads)), PoolPurpose::kPayloads);
    retired_.Add(std::exchange(frames_, std::move(pools.frames)), PoolPurpose::kFrames);
    plan_ = making->plan;
  }
  for (std::vector<PoolPtr>* const from : {&pools.rx, &making->made.rx}) {
    for (PoolPtr& pool : *from) prepared_.push_back(std::move(pool));
  }
}

void Buffers::Retire(Pools* pools) {
  retired_.Add(std::move(pools->payloads), PoolPurpose::kPayloads);
  retired_.Add(std::move(pools->frames), PoolPurpose::kFrames);
  for (PoolPtr& pool : pools->rx) retired_.Add(std::move(pool), PoolPurpose::kRx);
  pools->rx.clear();
}

// --- For ports. ---

PoolPlan Buffers::PlanOfPort(uint16_t mtu) const {
  PoolPlan plan = plan_;
  plan.data_room = RoomFor(mtu);
  return plan;
}

// Ports that share a device share the pool of the first, which may leave its slot before them.
PoolPtr Buffers::TakeRxPool(uint16_t data_room) {
  for (std::vector<PoolPtr>* const pools : {&prepared_, &idle_}) {
    const auto fitting = std::find_if(pools->begin(), pools->end(), [&](const PoolPtr& pool) {
      return rte_pktmbuf_data_room_size(pool.get()) == data_room && !in_use_(pool.get());
    });
    if (fitting == pools->end()) continue;
    PoolPtr taken = std::move(*fitting);
    pools->erase(fitting);
    return taken;
  }
  return retired_.TakeBack(PoolPurpose::kRx, data_room);
}

void Buffers::TrimIdle(size_t in_slots) {
  if (holding_) return;
  const size_t room_for = options_.max_ports - std::min<size_t>(in_slots, options_.max_ports);
  const size_t extra = idle_.size() - std::min(idle_.size(), room_for);
  size_t gone = 0;
  std::erase_if(idle_, [&](PoolPtr& pool) {
    const bool larger = rte_pktmbuf_data_room_size(pool.get()) > plan_.data_room;
    if (!larger && gone >= extra) return false;
    ++gone;
    retired_.Add(std::move(pool), PoolPurpose::kRx);
    return true;
  });
}

}  // namespace warp::lcore

#include "dataplane/lcore/plane/port_board.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/plane/open_port.h"
#include "dataplane/os/stop_point.h"

namespace warp::lcore {
namespace {

// The name of a device that ports share. Empty: the port has one to itself.
std::string SharedDevice(const PortSpec& spec) {
  if (spec.device_vlans.empty()) return "";
  return absl::StrCat(wire::DriverWord(spec.device), " ", wire::DeviceText(spec.device));
}

// The kernel tells of the links of its own interfaces.
bool HasLinkOfItsOwn(const Port& port) {
  return !port.kernel_sees_frames() && !std::holds_alternative<KernelDevice>(port.spec().device);
}

}  // namespace

PortBoard::PortBoard(const DataplaneOptions& options, Buffers& buffers,
                     std::shared_ptr<Exchange> exchange)
    : worker_cpus_(options.worker_cpus),
      buffers_(buffers),
      exchange_(std::move(exchange)),
      slots_(options.max_ports),
      places_(options.max_ports) {}

bool PortBoard::Has(PortId port) const {
  if (port >= places_.size()) return false;
  const Place& place = places_[port];
  return place.state == State::kOpen || (place.state == State::kOpening && !place.unwanted) ||
         HasNewsOf(port);
}

bool PortBoard::HasNewsOf(PortId port) const {
  return std::any_of(news_.begin(), news_.end(),
                     [port](const PortNews& news) { return news.port == port; });
}

void PortBoard::SetState(Place* place, State state) {
  const auto moves = [](State s) { return s != State::kEmpty && s != State::kOpen; };
  moving_ = moving_ - (moves(place->state) ? 1 : 0) + (moves(state) ? 1 : 0);
  place->state = state;
  if (state == State::kEmpty) place->pool = nullptr;
}

// --- Opening. ---

// A device has one worker, whatever its ports say.
absl::StatusOr<WorkerId> PortBoard::WorkerFor(int cpu, const std::string& device) const {
  for (PortId port = 0; !device.empty() && port < places_.size(); ++port) {
    const Place& place = places_[port];
    if (place.state != State::kEmpty && place.device == device) return slots_[port].worker;
  }
  if (cpu >= 0) {
    const auto owner = std::find(worker_cpus_.begin(), worker_cpus_.end(), cpu);
    if (owner == worker_cpus_.end()) {
      return absl::InvalidArgumentError(absl::StrCat("no worker owns CPU ", cpu));
    }
    return static_cast<WorkerId>(owner - worker_cpus_.begin());
  }
  // A worker that does not let go of a port stands still, and is the last to be given another.
  std::vector<size_t> load(worker_cpus_.size());
  for (PortId port = 0; port < places_.size(); ++port) {
    const State state = places_[port].state;
    if (state == State::kOpening || state == State::kOpen) load[slots_[port].worker] += 1;
    if (state == State::kHeld) load[slots_[port].worker] += slots_.size();
  }
  return static_cast<WorkerId>(std::min_element(load.begin(), load.end()) - load.begin());
}

absl::Status PortBoard::CheckName(const std::string& name) const {
  for (PortId port = 0; port < places_.size(); ++port) {
    const Place& place = places_[port];
    if (place.state == State::kEmpty || place.state == State::kOpen || place.name != name) continue;
    return absl::AbortedError(
        place.state == State::kHeld
            ? absl::StrCat("worker ", slots_[port].worker,
                           " has not let go of it since it was closed")
            : absl::StrCat("its device is still being ",
                           place.state == State::kClosing ? "closed" : "opened"));
  }
  return absl::OkStatus();
}

// What is open of a device that ports share; null: it is not open.
absl::StatusOr<std::shared_ptr<VlanTrunk>> PortBoard::TrunkOf(const std::string& device) const {
  std::shared_ptr<VlanTrunk> trunk;
  bool busy = false;
  for (const Place& place : places_) {
    if (device.empty() || place.state == State::kEmpty || place.device != device) continue;
    if (place.state == State::kOpening) {
      return absl::AbortedError("its device is still being opened");
    }
    if (place.state == State::kOpen) trunk = place.trunk.lock();
    busy = true;
  }
  if (busy && trunk == nullptr) return absl::AbortedError("its device is still being closed");
  return trunk;
}

// A slot that nobody wants any more is free before long.
absl::Status PortBoard::NoSlot() const {
  const bool soon = std::any_of(places_.begin(), places_.end(), [](const Place& place) {
    return place.state == State::kHeld || place.state == State::kClosing ||
           (place.state == State::kOpening && place.unwanted);
  });
  const std::string full = absl::StrCat("all ", slots_.size(), " ports (max_ports) are in use");
  return soon ? absl::AbortedError(absl::StrCat(full, ", and one of them is being closed"))
              : absl::ResourceExhaustedError(full);
}

absl::StatusOr<PortId> PortBoard::Add(const PortSpec& spec, int cpu) {
  if (absl::Status status = CheckName(spec.name); !status.ok()) return status;
  const std::string device = SharedDevice(spec);
  absl::StatusOr<std::shared_ptr<VlanTrunk>> shared = TrunkOf(device);
  if (!shared.ok()) return shared.status();
  absl::StatusOr<WorkerId> worker = WorkerFor(cpu, device);
  if (!worker.ok()) return worker.status();
  const auto is_free = [this](PortId id) {
    return places_[id].state == State::kEmpty && !HasNewsOf(id);
  };
  PortId id = 0;
  while (id < places_.size() && !is_free(id)) ++id;
  if (id == places_.size()) return NoSlot();
  Place& place = places_[id];
  PortSlot& slot = slots_[id];
  auto opening = std::make_shared<Opening>();
  opening->trunk = *std::move(shared);
  const PoolPlan plan = buffers_.PlanOfPort(std::max(spec.mtu, spec.device_mtu));
  if (opening->trunk == nullptr) slot.rx_pool = buffers_.TakeRxPool(plan.data_room);
  if (opening->trunk == nullptr && slot.rx_pool == nullptr)
    buffers_.TrimIdle(PoolsInSlots() + 1);  // for the one that the thread makes
  const rte_mempool* const known =
      opening->trunk != nullptr ? opening->trunk->device().rx_pool() : slot.rx_pool.get();
  const auto ring = [exchange = exchange_] { exchange->control_bell.Ring(); };
  // A slot's pool stays as long as a device takes from it. The end of the dataplane waits for this thread, or leaves
  // the pool behind.
  absl::StatusOr<std::unique_ptr<DeviceCall>> call = DeviceCall::Start(
      [opening, spec, id, ring, plan, pool = slot.rx_pool.get()] {
        // Whoever lets go of the trunk last closes its device, so that none is left to the control thread.
        std::shared_ptr<VlanTrunk> trunk = std::move(opening->trunk);
        rte_mempool* rx_pool = trunk != nullptr ? trunk->device().rx_pool() : pool;
        if (rx_pool == nullptr) {
          absl::StatusOr<PoolPtr> made = CreateRxPool(plan, id);
          if (made.ok()) opening->new_pool = *std::move(made);
          if (!made.ok()) opening->port = made.status();
          rx_pool = opening->new_pool.get();
        }
        if (rx_pool == nullptr) return;
        opening->port = OpenPort(spec, id, rx_pool, &trunk);
        if (!opening->port.ok()) return;
        opening->joined = trunk;
        if (!HasLinkOfItsOwn(**opening->port)) return;
        absl::StatusOr<std::unique_ptr<LinkWatch>> link = LinkWatch::Start(**opening->port, ring);
        if (link.ok()) opening->link = *std::move(link);
        if (!link.ok()) opening->port = link.status();
      },
      ring);
  if (!call.ok()) {
    buffers_.GiveRxPool(std::move(slot.rx_pool));
    return call.status();
  }
  place.name = spec.name;
  place.device = device;
  place.pool = known;
  place.unwanted = false;
  place.opening = std::move(opening);
  place.call = *std::move(call);
  SetState(&place, State::kOpening);
  slot.worker = *worker;
  WARP_STOP_POINT(port_opening);
  return id;
}

bool PortBoard::TakesFrom(const rte_mempool* pool) const {
  return std::any_of(places_.begin(), places_.end(),
                     [pool](const Place& place) { return place.pool == pool; });
}

std::vector<uint16_t> PortBoard::RoomsOf(std::span<const PortId> ports) const {
  std::vector<uint16_t> rooms;
  for (const PortId port : ports) {
    const PoolPtr& pool = slots_[port].rx_pool;
    if (pool != nullptr) rooms.push_back(rte_pktmbuf_data_room_size(pool.get()));
  }
  return rooms;
}

size_t PortBoard::PoolsInSlots() const {
  return static_cast<size_t>(std::count_if(
      slots_.begin(), slots_.end(), [](const PortSlot& slot) { return slot.rx_pool != nullptr; }));
}

// What a port received into is there for the next one of its size.
void PortBoard::Empty(PortId port) {
  SetState(&places_[port], State::kEmpty);
  buffers_.GiveRxPool(std::move(slots_[port].rx_pool));
  TrimIdle();
}

void PortBoard::TakeOpened(PortId port) {
  Place& place = places_[port];
  PortSlot& slot = slots_[port];
  const std::shared_ptr<Opening> opening = std::exchange(place.opening, nullptr);
  place.call.reset();
  WARP_STOP_POINT(port_opened);
  if (opening->new_pool != nullptr) slot.rx_pool = std::move(opening->new_pool);
  if (!place.unwanted) news_.push_back({.port = port, .status = opening->port.status()});
  if (!opening->port.ok()) return Empty(port);
  slot.port = *std::move(opening->port);
  place.pool = slot.port->rx_pool();
  place.link = std::move(opening->link);
  place.trunk = opening->joined;
  slot.counters = std::make_unique<PortSlot::Counters>();
  ++slot.generation;
  SetState(&place, State::kOpen);
  if (!place.unwanted) return;
  SetState(&place, State::kHeld);  // by nobody: no table ever named it
  place.token = 0;
}

size_t PortBoard::TakeNews(std::span<PortNews> out) {
  const size_t count = std::min(out.size(), news_.size());
  std::move(news_.begin(), news_.begin() + static_cast<ptrdiff_t>(count), out.begin());
  news_.erase(news_.begin(), news_.begin() + static_cast<ptrdiff_t>(count));
  return count;
}

bool PortBoard::has_news() const {
  return !news_.empty() || std::any_of(places_.begin(), places_.end(),
                                       [this](const Place& place) { return HasNews(place); });
}

// The link of a port that is closing concerns nobody.
bool PortBoard::HasNews(const Place& place) const {
  if (place.state == State::kOpen) return place.link != nullptr && place.link->has_news();
  return place.call != nullptr && place.call->over();
}

LinkState PortBoard::Link(PortId port) {
  const std::unique_ptr<LinkWatch>& link = places_[port].link;
  return link == nullptr ? LinkState::kUp : link->Take();
}

// --- Closing. ---

void PortBoard::Remove(PortId port, uint64_t last_token) {
  Place& place = places_[port];
  if (place.state == State::kOpening) {
    place.unwanted = true;
    return;
  }
  // Nobody need be told any more what became of it.
  std::erase_if(news_, [port](const PortNews& news) { return news.port == port; });
  if (place.state == State::kEmpty) return;  // It could not be opened.
  assert(place.state == State::kOpen);
  place.token = last_token;
  SetState(&place, State::kHeld);
  WARP_STOP_POINT(port_held);
}

// The thread owns the device from its start on. Where there is no thread to be had now, the port stays held, and the
// next look tries again.
void PortBoard::StartClosing(PortId port) {
  Place& place = places_[port];
  PortSlot& slot = slots_[port];
  absl::StatusOr<std::unique_ptr<DeviceCall>> call = DeviceCall::Start(
      [device = slot.port.get(), link = place.link.get()] {
        delete link;  // which still asks the device
        delete device;
      },
      [exchange = exchange_] { exchange->control_bell.Ring(); });
  if (!call.ok()) return;
  static_cast<void>(slot.port.release());
  static_cast<void>(place.link.release());
  place.call = *std::move(call);
  SetState(&place, State::kClosing);
  WARP_STOP_POINT(port_closing);
}

void PortBoard::Move(const Publisher& publisher) {
  for (PortId port = 0; port < places_.size(); ++port) {
    Place& place = places_[port];
    if (place.state == State::kOpening && place.call->over()) TakeOpened(port);
    if (place.state == State::kHeld && publisher.HasPassed(place.token)) StartClosing(port);
    if (place.state == State::kClosing && place.call->over()) {
      place.call.reset();
      Empty(port);
      WARP_STOP_POINT(port_closed);
    }
  }
}

bool PortBoard::Await(Deadline until, const Publisher& publisher) {
  Advance(publisher);
  for (const Place& place : places_) {
    while (place.call != nullptr && place.call->Await(until)) Advance(publisher);
    if (place.call != nullptr) return false;
  }
  return true;
}

bool PortBoard::CloseAll(const std::vector<bool>& ended, Deadline until) {
  // An opening that hangs takes all the time there is. The others close meanwhile.
  const auto close_held = [&](PortId port) {
    const bool is_held = slots_[port].port != nullptr;
    if (is_held && ended[slots_[port].worker]) StartClosing(port);
  };
  for (PortId port = 0; port < places_.size(); ++port) close_held(port);
  for (PortId port = 0; port < places_.size(); ++port) {
    Place& place = places_[port];
    if (place.state != State::kOpening || !place.call->Await(until)) continue;
    TakeOpened(port);
    close_held(port);
  }
  bool closed = true;
  for (Place& place : places_) {
    const bool is_over = place.call != nullptr && place.call->Await(until);
    if (is_over) place.call.reset();
    if (is_over) SetState(&place, State::kEmpty);
    closed &= place.state == State::kEmpty;
  }
  return closed;
}

}  // namespace warp::lcore

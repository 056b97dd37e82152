#include "tests/control/bonding/model/world.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

namespace warp::bonding {
namespace {

// What the payload of a number is, for parity: few bytes do.
std::vector<uint8_t> ContentOf(uint64_t number) {
  return {static_cast<uint8_t>(number), static_cast<uint8_t>(number >> 8),
          static_cast<uint8_t>(number >> 16), static_cast<uint8_t>(number >> 24)};
}

}  // namespace

World::World(uint64_t seed) : World(seed, *new Timeline) { own_time_.reset(time_); }

World::World(uint64_t seed, Timeline& time) : time_(&time), random_(seed), receiver_(time) {
  bond_ = std::make_unique<Bond>([this](uint16_t flow, uint64_t number) {
    outstanding_.erase({flow, number});
  });
  time_->In(Millis(1), [this] { Tell(); });
}

size_t World::AddLink(const LinkOptions& options, uint8_t tier, uint64_t max_rate) {
  return ShareLink(std::make_shared<LinkModel>(options, random_()), tier, max_rate);
}

size_t World::ShareLink(const std::shared_ptr<LinkModel>& link, uint8_t tier, uint64_t max_rate) {
  const size_t i = links_.size();
  links_.push_back(link);
  specs_.push_back({.id = static_cast<wire::PathId>(i + 1),
                    .slot = static_cast<wire::PathSlot>(i),
                    .port = static_cast<wire::PortId>(i),
                    .remote_port = static_cast<uint16_t>(100 + i),
                    .tier = tier,
                    .max_rate = max_rate,
                    .round_trip = 2 * link->options().delay});
  SetPaths();
  return i;
}

void World::SetPaths(PathMask without) {
  std::vector<PathSpec> paths;
  for (const PathSpec& spec : specs_) {
    if ((without & wire::MaskOf(spec.slot)) == 0) paths.push_back(spec);
  }
  bond_->SetPaths(time_->now(), paths);
  Pump();
}

uint16_t World::AddFlow(const FlowOptions& options) {
  const auto id = static_cast<uint16_t>(flows_.size());
  Flow& flow = flows_.emplace_back();
  flow.options = options;
  if (options.policy.order > Duration::zero()) {
    flow.order = std::make_unique<OrderModel>(*time_, options.policy.order,
                                              options.policy.resend > Duration::zero(),
                                              [this](const Packet& packet) { Delivered(packet); });
  }
  SetPolicy(id, options.policy);
  return id;
}

void World::SetPolicy(uint16_t flow, const config::TunnelPolicy& policy) {
  flows_[flow].options.policy = policy;
  flows_[flow].parity.SetPolicy(policy.fec, flows_[flow].options.deadline);
  bond_->SetFlow(time_->now(), flow,
                 {.policy = policy,
                  .deadline = flows_[flow].options.deadline,
                  .allowed = flows_[flow].options.allowed});
}

void World::Stream(uint16_t flow, double rate, bool equal, Instant from, Instant to,
                   uint32_t payload) {
  if (from >= to) return;
  time_->At(from, [=, this] {
    Send(flow, payload);
    double gap = payload / rate;
    if (!equal) gap *= -std::log(1 - std::uniform_real_distribution<double>(0, 1)(random_));
    Stream(flow, rate, equal, time_->now() + Millis(gap * 1000), to, payload);
  });
}

uint64_t World::Send(uint16_t id, uint32_t payload) {
  Flow& flow = flows_[id];
  const Instant now = time_->now();
  // A number is taken by what was not refused alone, so that order knows no gap of the door.
  Grant grant{.flow = id,
              .number = flow.next,
              .size = payload + kHeaders,
              .taken = now,
              .deadline = now + flow.options.deadline,
              .avoid = AvoidedByBlock(id)};
  if (Counts(now)) ++flow.result.offered;
  const Bond::Fate fate = bond_->Offer(now, &grant);
  if (fate == Bond::Fate::kDropped) {
    if (Counts(now)) ++flow.result.refused;
    return UINT64_MAX;
  }
  ++flow.next;
  flow.born.push_back(now);
  flow.got.push_back(false);
  if (fate == Bond::Fate::kGranted) Submit(grant);
  AddToBlock(grant);
  Arm();
  return grant.number;
}

void World::Submit(const Grant& grant) {
  const Instant now = time_->now();
  const uint64_t counter = ++counter_;
  std::shared_ptr<const std::vector<uint8_t>> parity;
  if (grant.parity == 0) {
    outstanding_.insert({grant.flow, grant.number});
  } else {
    parity::ParityMaker& maker = flows_[grant.flow].parity;
    const auto index = static_cast<uint8_t>(grant.parity - 1);
    const parity::ParityMaker::Parity* const found = maker.Find(grant.number, index);
    if (found == nullptr) return;
    parity = std::make_shared<std::vector<uint8_t>>(found->plaintext);
    maker.Forget(grant.number, index);
  }
  bond_->NoteSent(now, grant, session_, counter, {&grant.size, 1});
  const Packet packet{.flow = grant.flow,
                      .number = grant.number,
                      .session = session_,
                      .counter = counter,
                      .size = grant.size,
                      .born = flows_[grant.flow].born[grant.number],
                      .parity = parity};
  for (size_t i = 0; i < links_.size(); ++i) {
    if ((grant.paths >> i & 1) == 0) continue;
    if (const auto arrival = links_[i]->Send(now, grant.size)) {
      time_->At(*arrival, [this, i, packet] { Arrived(i, packet); });
    }
  }
}

// As a tunnel's sender does it.
PathMask World::AvoidedByBlock(uint16_t id) {
  parity::ParityMaker& parity = flows_[id].parity;
  if (!parity.on()) return 0;
  const PathMask usable = bond_->UsablePaths(id);
  const Instant now = time_->now(), died = bond_->last_death();
  if (parity.wants_risk(now)) {
    parity.SetRisk(now, {.loss = bond_->LossOn(usable),
                         .paths = static_cast<size_t>(std::popcount(usable)),
                         .paths_die = died != Instant{} && now - died < Millis(60'000),
                         .target = flows_[id].options.policy.target});
  }
  return parity.Full(usable);
}

void World::AddToBlock(const Grant& grant) {
  parity::ParityMaker& parity = flows_[grant.flow].parity;
  if (!parity.on()) return;
  if (!parity.continues(static_cast<uint32_t>(grant.number))) EndBlock(grant.flow);
  parity.Add(time_->now(), grant.number, {.sequence = static_cast<uint32_t>(grant.number)},
             ContentOf(grant.number), grant.paths);
  if (parity.full()) return EndBlock(grant.flow);
  if (parity.empty()) return;
  time_->At(parity.due(), [this, flow = grant.flow] {
    if (flows_[flow].parity.due() <= time_->now()) EndBlock(flow);
  });
}

void World::EndBlock(uint16_t id) {
  parity::ParityMaker& parity = flows_[id].parity;
  const Instant now = time_->now();
  for (parity::ParityMaker::Parity& one : parity.Finish()) {
    Grant grant{.flow = id,
                .number = one.number,
                .size = kPayload + kHeaders,
                .taken = now,
                .deadline = one.deadline,
                .avoid = parity.Crowded(bond_->UsablePaths(id)),
                .parity = static_cast<uint8_t>(one.index + 1)};
    const Bond::Fate fate = bond_->OfferParity(now, &grant);
    if (fate == Bond::Fate::kDropped) continue;
    parity.NotePlaced(grant.paths);
    parity.Wait(std::move(one));
    if (fate == Bond::Fate::kGranted) Submit(grant);
  }
  Arm();
}

void World::Pump() {
  const Instant now = time_->now();
  bond_->HandleTimeout(now);
  while (const auto grant = bond_->Next(now)) Submit(*grant);
  Arm();
}

void World::Arm() {
  const Instant next = bond_->NextTimeout();
  if (next >= armed_) return;
  armed_ = std::max(next, time_->now());
  time_->At(armed_, [this, when = armed_] {
    if (when != armed_) return;
    armed_ = wire::kNever;
    Pump();
  });
}

void World::Arrived(size_t link, const Packet& packet) {
  if (!receiver_.Arrive(packet, link, specs_[link].port, specs_[link].remote_port)) return;
  Flow& flow = flows_[packet.flow];
  if (packet.parity != nullptr) {
    flow.recovery.Add(time_->now(), *wire::ReadParityHeader(*packet.parity),
                      wire::Bytes(*packet.parity).subspan(wire::kParityHeaderSize));
  } else {
    flow.recovery.Note(time_->now(), {.sequence = static_cast<uint32_t>(packet.number)},
                       ContentOf(packet.number));
    Came(link, packet);
  }
  for (const parity::Recovery::Payload& one : flow.recovery.Take()) {
    const uint64_t number = one.header.sequence;
    if (one.bytes != ContentOf(number)) std::abort();
    if (!flow.got[number] && Counts(flow.born[number])) ++flow.result.recovered;
    Came(link, {.flow = packet.flow,
                .number = number,
                .size = kPayload + kHeaders,
                .born = flow.born[number]});
  }
}

// The payload came, or was restored.
void World::Came(size_t link, const Packet& packet) {
  Flow& flow = flows_[packet.flow];
  if (flow.got[packet.number]) return;  // sent again, though it had arrived
  flow.got[packet.number] = true;
  if (flow.order != nullptr) {
    flow.order->Arrive(packet, link);
  } else {
    Delivered(packet);
  }
}

void World::Delivered(const Packet& packet) {
  Flow& flow = flows_[packet.flow];
  const Instant now = time_->now();
  const bool swapped = packet.number < flow.newest;
  flow.newest = std::max(flow.newest, packet.number);
  if (Counts(packet.born)) {
    FlowResult& result = flow.result;
    ++result.arrived;
    result.swapped += swapped ? 1 : 0;
    result.late += now - packet.born > flow.options.deadline ? 1 : 0;
    result.delays.push_back(static_cast<float>(InMillis(now - packet.born)));
    if (result.arrived > 1) result.longest_gap = std::max(result.longest_gap, now - flow.last);
  }
  if (Counts(now)) flow.result.bytes += packet.size - kHeaders;
  flow.last = now;
  if (flow.arrival) flow.arrival(packet.number);
}

void World::OnArrival(uint16_t flow, std::function<void(uint64_t)> call) {
  flows_[flow].arrival = std::move(call);
}

void World::Tell() {
  Duration back = Duration::max();
  for (const auto& link : links_) {
    if (one_way_deaths || !link->dead(time_->now())) back = std::min(back, link->options().delay);
  }
  for (const ReceiverModel::Told& told : receiver_.TakeFeedback()) {
    if (back == Duration::max()) break;
    time_->In(back, [this, told = told]() mutable {
      if (lie) lie(&told.feedback);
      bond_->HandleFeedback(time_->now(), told.session, told.feedback);
      Pump();
    });
  }
  time_->In(feedback_interval, [this] { Tell(); });
}

void World::Run() { time_->RunUntil(to_ + Millis(2000)); }

double World::Capacity() const {
  double sum = 0;
  for (const auto& link : links_) sum += link->MeanRate(from_, to_);
  return sum * kPayload / (kPayload + kHeaders);
}

double World::Goodput(uint16_t flow) const {
  return static_cast<double>(flows_[flow].result.bytes) / (InMillis(to_ - from_) / 1000) /
         Capacity();
}

double World::ExtraShare(uint16_t flow) {
  const FlowStatus status = bond_->StatusOf(flow);
  return static_cast<double>(status.extra_bytes) /
         static_cast<double>(std::max<uint64_t>(status.bytes, 1));
}

uint64_t World::tail_drops() const {
  uint64_t sum = 0;
  for (const auto& link : links_) sum += link->tail_drops();
  return sum;
}

}  // namespace warp::bonding

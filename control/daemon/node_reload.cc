#include "control/daemon/node_reload.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/strings/str_cat.h"

namespace warp::control {
namespace {

using config::EntryChange;
using config::EntryKind;
using config::NodeConfig;

const wire::PublicKey& PeerKeyOf(const NodeConfig& config, const config::TunnelConfig& tunnel) {
  return config.peers[tunnel.peer_index].public_key;
}

// A key that a step back replaces is one that should not have come.
protocol::Replaced WhatBecomesOfKeys(const Step& step) {
  return step.back ? protocol::Replaced::kMistaken : protocol::Replaced::kServes;
}

std::set<std::string> CardsOf(const NodeConfig& config) {
  std::set<std::string> cards;
  for (const config::PortConfig& port : config.ports) {
    if (const auto* const card = std::get_if<wire::PciDevice>(&port.device))
      cards.insert(card->address);
  }
  return cards;
}

}  // namespace

NodeReload::NodeReload(Context context)
    : context_(std::move(context)), cards_(CardsOf(*context_.config)) {}

// --- What this node cannot do. ---

std::string NodeReload::Obstacles(const std::vector<EntryChange>& changes,
                                  const config::NodeFile& after) const {
  std::string text;
  for (const EntryChange& change : changes) {
    if (change.kind == EntryKind::kNode) text += ObstacleOfNode(change, after);
    if (change.kind == EntryKind::kPeer && !change.removed())
      text += ObstacleOfPeer(after.config.peers[*change.after], change, after);
    if (change.kind != EntryKind::kPort || change.removed()) continue;
    text += ObstacleOf(after.config.ports[*change.after], change, after);
  }
  return text;
}

std::string NodeReload::ObstacleOfNode(const EntryChange& change,
                                       const config::NodeFile& file) const {
  const bool other_hooks =
      std::any_of(change.keys.begin(), change.keys.end(), [](const config::KeyChange& key) {
        return key.key.starts_with("on_event") && key.key != "on_event_timeout";
      });
  if (!other_hooks || file.config.node.on_event.empty() || context_.hooks_possible()) return "";
  return absl::StrCat(file.Place(change, "on_event"),
                      "the process that runs hooks, which begins before warpd reads any key, has "
                      "ended: restart warpd to have another one\n");
}

// The peers that do not know this node's new key would be cut off by the way. That is for somebody to decide.
std::string NodeReload::ObstacleOfPeer(const config::PeerConfig& peer, const EntryChange& change,
                                       const config::NodeFile& file) const {
  if (!context_.remotes.IsOwn(peer.public_key)) return "";
  return absl::StrCat(file.Place(change, "public_key"),
                      "this node itself has had this key, and by it serves its peers that do not "
                      "know its new one: end it by a reload with node.old_keys_for: 0, and give it "
                      "to the peer by the next reload\n");
}

std::string NodeReload::ObstacleOf(const config::PortConfig& port, const EntryChange& change,
                                   const config::NodeFile& file) const {
  const std::vector<int>& cpus = context_.plan.worker_cpus;
  if (port.cpu.has_value() && std::find(cpus.begin(), cpus.end(), *port.cpu) == cpus.end()) {
    return absl::StrCat(file.Place(change, "cpu"), "no worker was started on CPU ", *port.cpu,
                        ": restart warpd, or leave cpu out\n");
  }
  const auto* const card = std::get_if<wire::PciDevice>(&port.device);
  if (card != nullptr && !cards_.contains(card->address)) {
    return absl::StrCat(file.Place(change, "pci"), "DPDK was started without the card ",
                        card->address, ": restart warpd to add it\n");
  }
  return "";
}

// --- Packet buffers. ---

// They are made before anything closes, and smaller ones when no step leads back any more. So neither way can fail for
// want of them. What interfaces say of ports without `mtu` asks for nothing larger here: the file is in force without
// that, and for a larger interface that nobody has memory for no change may be refused. Nobody knows how many ports a
// pattern will make, and none of those can lead back.
void NodeReload::Prepare(const std::vector<EntryChange>& changes, const config::NodeFile& after) {
  lcore::BufferNeeds needs{.mtu = context_.dataplane.max_mtu(), .opening = {}, .closing = {}};
  std::map<std::string, uint16_t> opening;  // by device, which several ports may share
  uint16_t largest = 0;
  mtu_place_.clear();
  for (const EntryChange& change : changes) {
    const bool reopens = !change.added() && !change.removed();
    if (change.kind != EntryKind::kPort || (reopens && change.effect == config::Effect::kLive))
      continue;
    const PortTable::Port* const there = context_.links.ports().Find(change.name);
    if (!change.added() && there != nullptr && there->id.has_value())
      needs.closing.push_back(*there->id);
    if (change.removed() || after.config.ports[*change.after].is_pattern()) continue;
    const config::PortConfig& port = after.config.ports[*change.after];
    needs.mtu = std::max(needs.mtu, port.mtu.value_or(0));
    const uint16_t mtu = port.mtu.value_or(std::min(context_.mtu_of(port), needs.mtu));
    uint16_t& of_device =
        opening[absl::StrCat(wire::DriverWord(port.device), " ", wire::DeviceText(port.device))];
    of_device = std::max(of_device, mtu);
    if (mtu <= largest) continue;
    largest = mtu;
    mtu_place_ = after.Place(change, "mtu");
  }
  for (const auto& [device, mtu] : opening) needs.opening.push_back(mtu);
  context_.dataplane.PrepareBuffers(needs);
}

absl::StatusOr<bool> NodeReload::Prepared() const {
  const absl::StatusOr<bool> prepared = context_.dataplane.BuffersPrepared();
  if (prepared.ok()) return prepared;
  return absl::Status(prepared.status().code(),
                      absl::StrCat(mtu_place_, prepared.status().message(), "\n"));
}

// --- Steps. ---

void NodeReload::Exchange(NodeConfig& config) {
  std::swap(*context_.config, config);
  opened_.clear();
  context_.links.FollowConfig();
}

absl::Status NodeReload::Take(const Step& step, const NodeConfig& before, const NodeConfig& after) {
  switch (step.kind) {
    case EntryKind::kPort:
      return TakePort(step, before, after);
    case EntryKind::kPeer:
      return TakePeer(step, before, after);
    case EntryKind::kTunnel:
      return TakeTunnel(step, before, after);
    case EntryKind::kMap:
      return TakeMap(step, before, after);
    case EntryKind::kNode:
      return TakeNode(step, before, after);
    case EntryKind::kMapServer:  // of another program's file
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> NodeReload::Settled() const {
  for (const std::string& port : opened_) {
    const absl::StatusOr<bool> settled = context_.links.PortSettled(port);
    if (!settled.ok() || !*settled) return settled;
  }
  return true;
}

// Of the entries only tunnels can be wanting, and nothing names one by its place.
void NodeReload::End(std::span<const Step> lacking) {
  uint16_t largest = 0;
  for (const config::PortConfig& port : context_.config->ports)
    largest = std::max(largest, context_.mtu_of(port));
  context_.dataplane.SettleBuffers(largest);
  context_.links.AskAgainForBuffers();
  context_.remotes.SettleKeys();
  terms_.clear();
  std::set<size_t> tunnels;
  for (const Step& step : lacking) {
    if (step.kind == EntryKind::kTunnel) tunnels.insert(step.after);
  }
  for (auto tunnel = tunnels.rbegin(); tunnel != tunnels.rend(); ++tunnel) {
    context_.config->tunnels.erase(context_.config->tunnels.begin() +
                                   static_cast<ptrdiff_t>(*tunnel));
  }
}

// What is not here and live is looked up where it is used.
// What may fail comes first; on the way back the rest has to be as it was all the same.
absl::Status NodeReload::TakeNode(const Step& step, const NodeConfig& before,
                                  const NodeConfig& after) {
  absl::Status moved = context_.move_control_socket(after.node.control_socket);
  if (!moved.ok() && !step.back) return moved;
  context_.remotes.SetOldKeysFor(after.node.old_keys_for);
  context_.remotes.Retune(after.node);
  context_.traffic.SetWindow(after.node.window);
  if (before.node.private_key.Public() == after.node.private_key.Public()) return moved;
  context_.remotes.SetOwnKey(after, WhatBecomesOfKeys(step));
  context_.own_key_changed();
  return moved;
}

// Patterns follow after each step, because it may have taken an interface from them, or left one to them.
absl::Status NodeReload::TakePort(const Step& step, const NodeConfig& before,
                                  const NodeConfig& after) {
  absl::Status status;
  if (step.act == Step::Act::kClose) {
    const config::PortConfig& port = before.ports[step.before];
    opened_.erase(port.name);
    if (!port.is_pattern()) context_.links.ClosePort(port.name);
  } else if (const config::PortConfig& port = after.ports[step.after]; port.is_pattern()) {
    // FollowConfig does all.
  } else if (step.act == Step::Act::kRetune) {
    context_.links.RetunePort(port);
  } else {
    status = context_.links.OpenPort(port, step.back);
    if (status.ok()) opened_.insert(port.name);
  }
  context_.links.FollowConfig();
  return status;
}

absl::Status NodeReload::TakeMap(const Step& step, const NodeConfig& before,
                                 const NodeConfig& after) {
  if (step.act == Step::Act::kClose) {
    context_.remotes.RemoveMap(before.maps[step.before].public_key);
  } else {
    context_.remotes.AddMap(after.maps[step.after], after.node);
  }
  return absl::OkStatus();
}

absl::Status NodeReload::TakePeer(const Step& step, const NodeConfig& before,
                                  const NodeConfig& after) {
  if (step.act == Step::Act::kOpen) return context_.remotes.AddPeer(after.peers[step.after], after);
  if (step.act == Step::Act::kRetune) {
    const config::PeerConfig &old = before.peers[step.before], &now = after.peers[step.after];
    const protocol::Replaced replaced = WhatBecomesOfKeys(step);
    absl::Status status = context_.remotes.ChangePeerKey(old, now, replaced);
    if (!status.ok()) return status;
    MovePlaces(old.public_key, now.public_key);
    context_.remotes.RetunePeer(now, after, replaced);
    return absl::OkStatus();
  }
  const std::optional<wire::PeerId> id =
      context_.remotes.Find(before.peers[step.before].public_key);
  if (!id.has_value()) return absl::OkStatus();
  context_.traffic.RemovePeer(*id);
  context_.remotes.RemovePeer(*id);
  context_.forget_peer(*id);
  return absl::OkStatus();
}

// The peer is the same one.
void NodeReload::MovePlaces(const wire::PublicKey& from, const wire::PublicKey& to) {
  if (from == to) return;
  for (auto place = places_.lower_bound({from, 0});
       place != places_.end() && place->first.first == from; place = places_.erase(place)) {
    places_[{to, place->first.second}] = place->second;
  }
}

absl::Status NodeReload::TakeTunnel(const Step& step, const NodeConfig& before,
                                    const NodeConfig& after) {
  if (step.act != Step::Act::kOpen) {
    const std::string& name = before.tunnels[step.before].name;
    const std::optional<config::TunnelTerms> terms = context_.take_terms(name);
    if (terms.has_value() && !step.back) terms_[name] = *terms;
  }
  if (step.act == Step::Act::kClose) {
    CloseTunnel(before.tunnels[step.before], before);
    return absl::OkStatus();
  }
  const config::TunnelConfig& tunnel = after.tunnels[step.after];
  if (step.act == Step::Act::kOpen) {
    if (absl::Status status = OpenTunnel(tunnel, after); !status.ok()) return status;
  } else if (const auto peer = context_.remotes.Find(PeerKeyOf(after, tunnel))) {
    context_.traffic.RetuneTunnel(*peer, tunnel, context_.allowed(after.PathsOf(tunnel)));
  }
  if (const auto terms = terms_.find(tunnel.name); step.back && terms != terms_.end())
    context_.give_terms(tunnel.name, terms->second);
  return absl::OkStatus();
}

absl::Status NodeReload::OpenTunnel(const config::TunnelConfig& tunnel, const NodeConfig& config) {
  const wire::PublicKey& key = PeerKeyOf(config, tunnel);
  const std::optional<wire::PeerId> peer = context_.remotes.Find(key);
  if (!peer.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("tunnel ", tunnel.name, ": its peer ", tunnel.peer, " is not there"));
  }
  const auto place = places_.find({context_.remotes.KeyOf(*peer), tunnel.id});
  return context_.traffic.AddTunnel(tunnel, context_.links.Route(*peer),
                                    context_.allowed(config.PathsOf(tunnel)), context_.policies,
                                    place == places_.end() ? 0 : place->second);
}

void NodeReload::CloseTunnel(const config::TunnelConfig& tunnel, const NodeConfig& config) {
  const wire::PublicKey& key = PeerKeyOf(config, tunnel);
  const std::optional<wire::PeerId> peer = context_.remotes.Find(key);
  if (!peer.has_value()) return;
  const std::optional<uint32_t> place = context_.traffic.RemoveTunnel(*peer, tunnel.id);
  if (place.has_value()) places_[{context_.remotes.KeyOf(*peer), tunnel.id}] = *place;
}

}  // namespace warp::control

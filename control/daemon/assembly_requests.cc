// What operators ask of a running node: to show what it is, to change a tunnel or a data cap, to follow its file.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/config/tunnel_schema.h"
#include "control/daemon/assembly.h"
#include "control/log/log.h"
#include "control/status/event_stream.h"
#include "control/status/history_json.h"
#include "control/status/reload_requests.h"

namespace warp::control {

StatusServer::Reply Assembly::Answer(const StatusServer::Request& request) {
  if (auto watch = AnswerWatch(observer->events(), request.line)) return *std::move(watch);
  if (auto past = AnswerHistory(observer->past(), request.line)) return *std::move(past);
  return requests->Answer(request);
}

void Assembly::OpenReload(const std::string& file) {
  reload_target = std::make_unique<NodeReload>(NodeReload::Context{
      .config = shared_config,
      .plan = plan,
      .dataplane = *dataplane,
      .mtu_of = [this](const config::PortConfig& port) { return MtuOf(port); },
      .hooks_possible = [this] { return observer->hooks().possible(); },
      .links = *links,
      .traffic = *traffic,
      .remotes = *remotes,
      .allowed = [this](const std::vector<config::PathRule>& rules) { return AllowedBy(rules); },
      .policies = [this](wire::PortId id) { return PolicyOf(id); },
      .own_key_changed =
          [this] {
            caps->SetNode(protocol->public_key());
            observer->NoteOwnKey(protocol->public_key());
          },
      .move_control_socket =
          [this](const std::string& path) { return control_socket->MoveTo(path); },
      .forget_peer = [this](wire::PeerId peer) { observer->ForgetPeer(peer); },
      .take_terms = [this](const std::string& tunnel) { return requests->TakeTerms(tunnel); },
      .give_terms = [this](
                        const std::string& tunnel,
                        const config::TunnelTerms& terms) { requests->GiveTerms(tunnel, terms); }});
  reload = std::make_unique<Reload>(
      *loop, *reload_target,
      Reload::Options{
          .file = file,
          .info = LogInfo,
          .warn = LogWarning,
          .in_force =
              [this](const std::string& reason) {
                observer->NoteConfig(reason);
                lan->Follow();
              },
          .refused = [this](const std::string& why) { observer->NoteConfigRefused(why); }});
  requests->AddServed("reload", [this](std::span<const std::string> words, bool may_change) {
    return AnswerReload(*reload, loop->now(), words, may_change);
  });
}

void Assembly::BeginReload() {
  if (const absl::Status status = reload->Begin(); !status.ok())
    LogWarning(absl::StrCat("SIGHUP: ", status.message()));
}

absl::Status Assembly::SetTerms(const std::string& tunnel, const config::TunnelTerms& terms) {
  absl::Status status = traffic->Change(tunnel, {.policy = terms.settings.Policy(),
                                                 .deadline = terms.deadline,
                                                 .allowed = AllowedBy(terms.paths)});
  if (status.ok()) {
    observer->Raise(
        {.kind = EventKind::kTunnelChanged, .tunnel = tunnel, .reason = config::TermsText(terms)});
  }
  return status;
}

absl::Status Assembly::SetCap(const std::string& port, uint64_t bytes) {
  absl::Status status = caps->Set(port, bytes);
  if (status.ok()) LogInfo(absl::StrCat("port ", port, ": ", bytes, " bytes count as carried"));
  return status;
}

std::vector<protocol::PeerStatus> Assembly::Peers(size_t first, size_t count) const {
  std::vector<wire::PeerId> peers;
  for (size_t i = first; i < std::min(first + count, config.peers.size()); ++i) {
    if (const auto id = remotes->Find(config.peers[i].public_key)) peers.push_back(*id);
  }
  return protocol->Peers(peers);
}

NodeView Assembly::View() const {
  return {.config = config,
          .protocol = *protocol,
          .dataplane = *dataplane,
          .links = *links,
          .traffic = *traffic,
          .caps = &caps->book(),
          .link_book = &observer->link_book(),
          .carrier = [this](const std::string& port) { return carriers->Find(port); },
          .port_since = [this](const std::string& port) { return observer->PortSince(port); },
          .events = observer->events().raised(),
          .hooks_missed = observer->hooks().missed(),
          .icmp = icmp,
          .lan = lan->counts(),
          .peers = [this](size_t first, size_t count) { return Peers(first, count); },
          .peer_count = config.peers.size(),
          .maps = protocol->Maps(),
          .names = [this](const wire::PublicKey& key) { return remotes->NamesOf(key); },
          .loop = loop->back_end_name(),
          .now = loop->now(),
          .started = started,
          .stopping = stopping};
}

}  // namespace warp::control

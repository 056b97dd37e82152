// What a client may ask of warpd at its control socket:
//
//   status                         the status document (status_json.h)
//   tunnel show [NAME]             the policy of all tunnels, or of one
//   tunnel set NAME KEY=VALUE...   changes these keys, all of them or none, and shows the tunnel
//   cap show [PORT]                what ports with a data cap have carried, of all or of one
//   cap set PORT BYTES             so much counts as carried in this period; shows the port
//   and what others serve          reload_requests.h
//
// Words are parted by one space. `cap` answers with {"caps":[{"port", and what the status has in `ports[].cap`}]},
// `tunnel` with one line of JSON, {"policies":[{"tunnel", "peer", "settings"}]},
// where `settings` has each key as `set` takes it, with what is in force; or with {"error":"..."}, as any request does
// that is refused. docs/operations.md explains them. Control thread only.
#ifndef WARP_CONTROL_STATUS_NODE_REQUESTS_H_
#define WARP_CONTROL_STATUS_NODE_REQUESTS_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "control/config/tunnel_policy.h"
#include "control/status/status_json.h"
#include "control/status/status_server.h"

namespace warp::control {

class NodeRequests {
 public:
  using SetTerms =
      std::function<absl::Status(const std::string& tunnel, const config::TunnelTerms&)>;

  using SetCap = std::function<absl::Status(const std::string& port, uint64_t bytes)>;

  // `view` is asked anew for each part of an answer; `set_terms` gets what a changed tunnel has to do from now on, and
  // `set_cap` what counts as carried.
  NodeRequests(std::function<NodeView()> view, SetTerms set_terms, SetCap set_cap)
      : view_(std::move(view)), set_terms_(std::move(set_terms)), set_cap_(std::move(set_cap)) {}

  StatusServer::Text Answer(const StatusServer::Request& request);

  // Requests that begin with this word are answered by `serve` from now on, which gets all their words.
  using Serve = std::function<absl::StatusOr<StatusServer::Text>(std::span<const std::string> words,
                                                                 bool may_change)>;
  void AddServed(const std::string& word, Serve serve) { served_[word] = std::move(serve); }

  // The file says something else of the tunnel, which counts for more than what users have said of it. Returns that;
  // nullopt: nothing.
  std::optional<config::TunnelTerms> TakeTerms(const std::string& tunnel);
  // Users have said this of the tunnel after all.
  void GiveTerms(const std::string& tunnel, const config::TunnelTerms& terms);

 private:
  // The tunnels that were changed, by name: what users said, which a policy does not tell from what follows.
  using Changed = absl::flat_hash_map<std::string, config::TunnelTerms>;

  absl::StatusOr<StatusServer::Text> Tunnel(std::span<const std::string> words, bool may_change);
  absl::StatusOr<StatusServer::Text> Cap(std::span<const std::string> words, bool may_change);
  StatusServer::Text TermsOf(size_t first, size_t end) const;
  absl::Status Set(const NodeView& view, const config::TunnelConfig& tunnel,
                   std::span<const std::string> changes);

  const std::function<NodeView()> view_;
  const SetTerms set_terms_;
  const SetCap set_cap_;
  absl::flat_hash_map<std::string, Serve> served_;
  const std::shared_ptr<Changed> changed_ = std::make_shared<Changed>();  // answers outlive this
};

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_NODE_REQUESTS_H_

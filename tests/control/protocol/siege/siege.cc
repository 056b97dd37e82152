#include "tests/control/protocol/siege/siege.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace warp::protocol {
namespace {

constexpr Duration kStep = 1ms;
constexpr Duration kToConnect = 15s;
// What is under way arrives within this time.
constexpr Duration kRest = 2s;

// Rekeys every four seconds; the three times have the proportions of the product's.
Timers ShortLives() {
  Timers timers;
  timers.rekey_after = 4s;
  timers.rekey_after_responder = 4500ms;
  timers.session_lifetime = 6s;
  return timers;
}

constexpr absl::string_view kText = "number ";
std::string TextOf(size_t number) { return absl::StrCat(kText, number); }
std::optional<size_t> NumberOf(absl::string_view text) {
  size_t number = 0;
  if (!absl::ConsumePrefix(&text, kText) || !absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

}  // namespace

Siege::Siege(const SiegeOptions& options)
    : options_(options),
      field_({.seed = options.seed,
              .peers = options.peers,
              .hub = options.seed % 2 == 0,
              .timers = ShortLives()}),
      most_paths_(static_cast<size_t>(field_.nodes())),
      conversations_(field_.talkers().size()) {
  for (int i = 0; i < options.attackers; ++i) {
    const auto means =
        static_cast<Besieger::Means>(field_.Pick(static_cast<int>(Besieger::Means::kCount)));
    besiegers_.push_back(std::make_unique<Besieger>(field_, i, means));
  }
  field_.Hear([this](int attacker, const Seen& seen) {
    besiegers_[static_cast<size_t>(attacker)]->Receive(seen);
  });
  // Some talk all the time, and some so seldom that their paths are idle between two payloads.
  for (Conversation& conversation : conversations_) {
    conversation.interval = std::vector<Duration>{20ms, 100ms, 100ms, 4s}[field_.random()() % 4];
  }
}

bool Siege::Run() {
  for (int i = 0; !AllConnected(); ++i) {
    if (i * kStep > kToConnect) return false;
    Step(/*talk=*/false);
  }
  connected_ = kStep * steps_;
  for (Conversation& conversation : conversations_) {
    conversation.next = field_.net().now() + 1ms * field_.Pick(100);
  }
  for (int i = 0; i * kStep < options_.seconds * 1s; ++i) Step(/*talk=*/true);
  field_.net().Run(kRest);
  Take();
  return true;
}

void Siege::Step(bool talk) {
  const int64_t step = steps_++;
  if (step % 100 == 0) field_.ChangeWeather();
  field_.ReleaseHeld();
  // They come in bursts, as a thousand a second on the average.
  const auto most = static_cast<int64_t>(options_.per_second) * (step + 1) * kStep / 1s;
  if (field_.Pick(8) == 0) {
    while (static_cast<int64_t>(field_.attacks()) < most) Attack();
  }
  if (talk) Talk();
  field_.net().Run(kStep);
  if (step % 250 == 0) Look();
  if (step % 1000 == 0) Take();
}

void Siege::Attack() { besiegers_[field_.random()() % besiegers_.size()]->Act(); }

bool Siege::AllConnected() {
  return std::all_of(field_.talkers().begin(), field_.talkers().end(), [&](const Talkers& two) {
    return WholeCarries(two, two.a, two.b) && WholeCarries(two, two.b, two.a);
  });
}

bool Siege::WholeCarries(const Talkers& talkers, int from, int to) {
  const ForwardingPeer& peer = field_.net().Forwarding(from, to);
  const wire::Endpoint remote = field_.net().EndpointOf(to, talkers.whole);
  return peer.send != nullptr &&
         std::any_of(peer.paths.begin(), peer.paths.end(), [&](const PathStatus& path) {
           return path.carries && path.port == talkers.whole && path.remote == remote;
         });
}

void Siege::Talk() {
  for (size_t i = 0; i < conversations_.size(); ++i) {
    Conversation& conversation = conversations_[i];
    if (conversation.next > field_.net().now()) continue;
    conversation.next += conversation.interval;
    const Talkers& two = field_.talkers()[i];
    for (const auto& [from, to] : {std::pair(two.a, two.b), std::pair(two.b, two.a)}) {
      const bool whole = WholeCarries(two, from, to);
      const bool sent = field_.Send(from, to, TextOf(payloads_.size()));
      payloads_.push_back({.to = to, .owed = whole && sent});
    }
  }
}

void Siege::Take() {
  for (int n = 0; n < field_.nodes(); ++n) {
    for (const std::string& text : field_.net().TakeReceived(n)) {
      const std::optional<size_t> number = NumberOf(text);
      if (!number) continue;  // of a peer that lies
      if (*number >= payloads_.size() || payloads_[*number].to != n) {
        excesses_.push_back(absl::StrCat("node ", n, " received what nobody sent it: ", text));
        continue;
      }
      ++payloads_[*number].received;
    }
  }
}

// --- The bounds. ---

void Siege::Expect(size_t value, size_t most, int node, const char* what) {
  if (value > most)
    excesses_.push_back(absl::StrCat("node ", node, " has ", value, " ", what, ", not ", most));
}

void Siege::Look() {
  for (int n = 0; n < field_.nodes(); ++n) LookAt(n);
  for (size_t i = 0; i < conversations_.size(); ++i) {
    const Talkers& two = field_.talkers()[i];
    Conversation& conversation = conversations_[i];
    const std::shared_ptr<wire::Session>& session = field_.net().Forwarding(two.a, two.b).send;
    if (session == nullptr || session == conversation.session) continue;
    conversation.session = session;
    ++conversation.sessions;
  }
}

void Siege::LookAt(int node) {
  const Node& seen = field_.net().node(node);
  const ForwardingState state = seen.GetForwarding();
  constexpr size_t kSessions = kMaxConfirmedSessions + 2 * kMaxUnconfirmedSessions;
  Expect(field_.net().node(node).sessions().taken(),
         state.peers.size() * (kSessions + kMaxAttempts), node, "indices");
  Expect(seen.remembered_initiations(), 2 * kMaxRememberedInitiations, node,
         "remembered initiations");
  size_t paths = 0;
  for (const ForwardingPeer& peer : state.peers) {
    paths += peer.paths.size();
    Expect(peer.receive.size(), kSessions, node, "sessions of a peer");
    Expect(peer.paths.size(), kMaxPaths, node, "paths of a peer");
    std::set<wire::Endpoint> endpoints;
    for (const PathStatus& path : peer.paths) endpoints.insert(path.remote);
    // Those of the configuration and as many that were learned; no map tells any.
    Expect(endpoints.size(), 2 * kMaxEndpoints, node, "endpoints of a peer");
  }
  size_t& most = most_paths_[static_cast<size_t>(node)];
  most = std::max(most, paths);
}

uint64_t Siege::most_controls() const {
  const Timers timers = ShortLives();
  const double seconds = std::chrono::duration<double>(1ms * steps_ + kRest).count();
  const auto times = [&](Duration interval) {
    return seconds / std::chrono::duration<double>(interval * 8 / 10).count();
  };
  double own = 0;
  for (const size_t paths : most_paths_) {
    // Every path is probed, and a handshake under way takes it too; those that are not active share a budget.
    own +=
        static_cast<double>(paths) * (times(timers.probe_interval) + times(timers.handshake_retry));
  }
  for (const Talkers& two : field_.talkers()) {
    // Confirms go out for each unconfirmed session, and reports over three paths.
    own += 2 * two.links * times(timers.confirm_interval) * kMaxUnconfirmedSessions;
    own += 2 * 3 * times(timers.report_interval);
  }
  // Each of them may be answered over three paths and wake a path that is not active, which is probed then. So may each
  // that attackers send.
  const double answers = 2 + kMaxAnswerPaths;
  return static_cast<uint64_t>(own * (1 + answers) +
                               static_cast<double>(field_.attacks()) * answers);
}

// --- The figures. ---

size_t Siege::owed() const {
  return static_cast<size_t>(std::count_if(payloads_.begin(), payloads_.end(),
                                           [](const Payload& payload) { return payload.owed; }));
}

size_t Siege::lost() const {
  return static_cast<size_t>(
      std::count_if(payloads_.begin(), payloads_.end(),
                    [](const Payload& payload) { return payload.owed && payload.received == 0; }));
}

size_t Siege::twice() const {
  return static_cast<size_t>(
      std::count_if(payloads_.begin(), payloads_.end(),
                    [](const Payload& payload) { return payload.received > 1; }));
}

size_t Siege::fewest_rekeys() const {
  size_t fewest = SIZE_MAX;
  for (const Conversation& conversation : conversations_) {
    fewest = std::min(fewest, conversation.sessions - std::min<size_t>(conversation.sessions, 1));
  }
  return fewest;
}

std::string Siege::Summary() const {
  return absl::StrCat(
      "seed ", options_.seed, ": connected after ", connected_ / 1ms, " ms; ", sent(),
      " payloads, ", refused(), " without the whole link, ", lost(), " lost, ", twice(), " twice; ",
      fewest_rekeys(), " rekeys at least; ", field_.attacks(), " attacks; ", field_.controls(),
      " datagrams of nodes, at most ", most_controls(), "; ", field_.overpaid(), " overpaid");
}

}  // namespace warp::protocol

#include "map-server/server/map_requests.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "map-server/constants.h"

namespace warp::map {
namespace {

using control::StatusServer;
using Json = nlohmann::ordered_json;
using State = MapSession::State;

constexpr char kRequests[] =
    "requests are: map list [after=PLACE] [prefix=TEXT] [most=COUNT]; map show KEY; map forget KEY";

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

const char* Word(State state) {
  switch (state) {
    case State::kUnconfirmed:
      return "new";
    case State::kCurrent:
      return "confirmed";
    case State::kRetired:
      break;
  }
  return "retired";
}

// The session that stands for a node: the newest that is confirmed, or else the newest of all.
const ClientView::Session* Standing(const NodeView& node) {
  if (!node.client.has_value() || node.client->sessions.empty()) return nullptr;
  const auto& sessions = node.client->sessions;
  const auto found = std::find_if(sessions.begin(), sessions.end(),
                                  [](const auto& s) { return s.state == State::kCurrent; });
  return found != sessions.end() ? &*found : &sessions.front();
}

void AddSession(const NodeView& node, Instant now, Json* json) {
  const ClientView::Session* const session = Standing(node);
  (*json)["session"] = session == nullptr        ? "none"
                       : session->expires <= now ? "expired"
                                                 : Word(session->state);
  (*json)["session_age_s"] = session == nullptr ? Json() : Json(Seconds(now - session->since));
}

// A node as a list shows it.
Json Row(const wire::PublicKey& key, const NodeView& node, Instant now) {
  std::set<uint16_t> ports;
  Json endpoints = Json::array();
  Instant last = Instant::min();
  for (const NodeView::Registration& r : node.registrations) {
    if (!r.live || r.expires <= now) continue;
    ports.insert(r.port);
    endpoints.push_back(r.observed.ToString());
    last = std::max(last, r.expires);
  }
  Json json = {{"key", key.ToBase64()}};
  AddSession(node, now, &json);
  json["ports"] = ports.size();
  json["allowed"] = node.allowed;
  json["expires_s"] = ports.empty() ? Json() : Json(Seconds(last - now));
  json["endpoints"] = std::move(endpoints);
  return json;
}

Json Whole(const wire::PublicKey& key, const NodeView& node, Instant now, Duration lifetime) {
  Json json = {{"key", key.ToBase64()}};
  AddSession(node, now, &json);
  json["heard_at"] = nullptr;
  json["sessions"] = Json::array();
  if (node.client.has_value()) {
    if (node.client->proven) json["heard_at"] = node.client->route.remote.ToString();
    for (const ClientView::Session& session : node.client->sessions) {
      json["sessions"].push_back(
          {{"state", session.expires <= now ? "expired" : Word(session.state)},
           {"age_s", Seconds(now - session.since)},
           {"ends_in_s", std::max(0.0, Seconds(session.expires - now))}});
    }
  }
  json["allowed"] = node.allowed;
  json["registrations"] = Json::array();
  for (const NodeView::Registration& r : node.registrations) {
    Json addresses = Json::array();
    for (const wire::Endpoint& address : r.addresses) addresses.push_back(address.ToString());
    json["registrations"].push_back(
        {{"port", r.port},
         {"state", r.expires <= now ? "expired"
                   : r.live         ? "live"
                                    : "withdrawn"},
         {"observed", r.live ? Json(r.observed.ToString()) : Json()},
         {"addresses", std::move(addresses)},
         {"refreshed_s", std::max(0.0, Seconds(now + lifetime - r.expires))},
         {"expires_s", std::max(0.0, Seconds(r.expires - now))}});
  }
  return json;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A page of the list, part by part.
class Page {
 public:
  Page(const Handler& handler, std::function<Instant()> now, RollPlace from, std::string prefix,
       size_t most)
      : handler_(handler),
        now_(std::move(now)),
        place_(from),
        prefix_(std::move(prefix)),
        left_(most) {}

  std::string operator()() {
    if (ended_) return "";
    std::string text;
    if (!std::exchange(begun_, true)) text = "{\"nodes\":[\n";
    size_t rows = 0;
    for (size_t looked = 0; looked < kListedPerTurn && rows < kRowsPerTurn && !OverNow();) {
      const size_t step = std::min(kRowsPerTurn - rows, left_);
      place_ =
          handler_.Walk(place_, step, [&](const wire::PublicKey& key) { Add(key, &rows, &text); });
      looked += step;
      looked_ += step;
    }
    if (OverNow()) {
      ended_ = true;
      absl::StrAppend(&text, "],\"next\":",
                      place_.ended() ? "null" : absl::StrCat("\"", place_.ToString(), "\""), "}\n");
    }
    // Where nothing fits, white space shows that there is more to come.
    return text.empty() ? "\n" : text;
  }

 private:
  bool OverNow() const { return place_.ended() || left_ == 0 || looked_ >= kListedPerPage; }

  void Add(const wire::PublicKey& key, size_t* rows, std::string* text) {
    if (!prefix_.empty() && !absl::StartsWith(key.ToBase64(), prefix_)) return;
    const std::optional<NodeView> node = handler_.ViewOf(key);
    if (!node.has_value()) return;
    absl::StrAppend(text, std::exchange(any_, true) ? ",\n" : "", Dump(Row(key, *node, now_())));
    ++*rows;
    --left_;
  }

  const Handler& handler_;
  const std::function<Instant()> now_;
  RollPlace place_;
  const std::string prefix_;
  size_t left_;        // rows that this page may have yet
  size_t looked_ = 0;  // numbers
  bool begun_ = false;
  bool any_ = false;
  bool ended_ = false;
};

absl::StatusOr<StatusServer::Text> List(const Handler& handler, std::function<Instant()> now,
                                        std::span<const std::string> words) {
  RollPlace from;
  std::string prefix;
  size_t most = kRowsPerPage;
  for (const std::string& word : words) {
    absl::string_view value = word;
    bool good = true;
    if (absl::ConsumePrefix(&value, "after=")) {
      const std::optional<RollPlace> place = RollPlace::Parse(value);
      good = place.has_value();
      from = place.value_or(from);
    } else if (absl::ConsumePrefix(&value, "prefix=")) {
      prefix = std::string(value);
    } else {
      good = absl::ConsumePrefix(&value, "most=") && absl::SimpleAtoi(value, &most) && most > 0;
    }
    if (!good) return absl::InvalidArgumentError(kRequests);
  }
  return StatusServer::Text(
      Page(handler, std::move(now), from, std::move(prefix), std::min(most, kRowsPerPage)));
}

}  // namespace

absl::StatusOr<StatusServer::Text> AnswerMapRequest(Handler& handler, std::function<Instant()> now,
                                                    std::span<const std::string> words,
                                                    bool may_change) {
  if (words.size() >= 2 && words[1] == "list")
    return List(handler, std::move(now), words.subspan(2));
  const bool show = words.size() == 3 && words[1] == "show";
  const bool forget = words.size() == 3 && words[1] == "forget";
  if (!show && !forget) return absl::InvalidArgumentError(kRequests);
  if (forget && !may_change) {
    return absl::PermissionDeniedError(
        "only root and the user that warp-map runs as may have it forget a node");
  }
  const absl::StatusOr<wire::PublicKey> key = wire::PublicKey::FromBase64(words[2]);
  if (!key.ok())
    return absl::InvalidArgumentError("a node is named by its public key: 44 characters of base64");
  Json answer;
  if (show) {
    if (const std::optional<NodeView> node = handler.ViewOf(*key))
      answer["nodes"].push_back(Whole(*key, *node, now(), handler.counts().lifetime));
  } else if (const std::optional<Handler::Forgotten> forgotten = handler.Forget(now(), *key)) {
    answer["forgotten"].push_back({{"key", key->ToBase64()},
                                   {"sessions", forgotten->sessions},
                                   {"registrations", forgotten->registrations}});
  }
  if (answer.is_null())
    return absl::NotFoundError("the map has neither a session nor a registration of that key");
  return StatusServer::Whole(Dump(answer) + "\n");
}

}  // namespace warp::map

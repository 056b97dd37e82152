#include "map-server/session/roll.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace warp::map {
namespace {

using Part = RollPlace::Part;

}  // namespace

std::string RollPlace::ToString() const {
  return ended() ? "" : absl::StrCat(part == Part::kRecords ? "r" : "c", next);
}

std::optional<RollPlace> RollPlace::Parse(absl::string_view text) {
  RollPlace place;
  if (text.size() < 2 || (text[0] != 'r' && text[0] != 'c')) return std::nullopt;
  if (text[1] < '0' || text[1] > '9' || !absl::SimpleAtoi(text.substr(1), &place.next))
    return std::nullopt;
  place.part = text[0] == 'r' ? Part::kRecords : Part::kClients;
  return place;
}

RollPlace Walk(const ClientTable& clients, const Store& store, RollPlace from, size_t most,
               absl::FunctionRef<void(const wire::PublicKey&)> see) {
  RollPlace place = from;
  for (; most > 0 && place.part == Part::kRecords; --most, ++place.next) {
    if (place.next >= store.shown_end()) {
      place = {Part::kClients, 0};
      break;
    }
    store.ShowAt(place.next, [&](const Record& record) { see(record.key()); });
  }
  for (; most > 0 && place.part == Part::kClients; --most, ++place.next) {
    if (place.next >= clients.end()) return {Part::kEnd, 0};
    if (!clients.is_client(place.next)) continue;
    const wire::PublicKey& key = clients.KeyOf(place.next);
    if (!store.Show(KeyId::Of(key), [](const Record&) {})) see(key);
  }
  return place;
}

std::optional<NodeView> ViewOf(const ClientTable& clients, const Store& store,
                               const wire::PublicKey& key) {
  NodeView view;
  if (const Id client = clients.Find(key); client != kNoId) view.client = clients.View(client);
  store.Show(KeyId::Of(key), [&view](const Record& record) {
    view.allowed = record.allow().size();
    record.ForEach([&view](const StoredRegistration& r) {
      view.registrations.push_back({.port = r.port,
                                    .live = r.live(),
                                    .observed = r.observed,
                                    .addresses = r.candidates.Unpack(),
                                    .expires = r.expires()});
    });
  });
  if (!view.client.has_value() && view.registrations.empty()) return std::nullopt;
  return view;
}

}  // namespace warp::map

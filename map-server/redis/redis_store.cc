#include "map-server/redis/redis_store.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace warp::map {
namespace {

// A register is answered within this time, by this map alone where redis takes longer: a node that has no answer to two
// of them (0.75 s) shakes hands anew, and a million would do so together.
constexpr Duration kAnswerWithin = std::chrono::milliseconds(400);

// After an error of redis, which may be out of memory.
constexpr Duration kSaveAgain = std::chrono::seconds(1);

absl::string_view Text(const RecordName& name) {
  return {reinterpret_cast<const char*>(name.data()), name.size()};
}

std::string RandomName() {
  std::array<char, 8> name;
  randombytes_buf(name.data(), name.size());
  return {name.data(), name.size()};
}

Link::Options WithScripts(Link::Options options) {
  options.scripts = Scripts();
  return options;
}

std::string Milliseconds(Duration time) {
  return absl::StrCat(std::max<int64_t>(time / std::chrono::milliseconds(1), 1));
}

const StoredRegistration* Find(const Record& record, uint16_t port, bool v6) {
  const StoredRegistration* found = nullptr;
  record.ForEach([&](const StoredRegistration& r) {
    if (r.port == port && r.v6() == v6) found = &r;
  });
  return found;
}

Order LatestOf(const Record& record) {
  Order latest;
  record.ForEach([&](const StoredRegistration& r) { latest = std::max(latest, r.order); });
  return latest;
}

// The number that a script's answer says or begins with; -1 where it is no answer of that script (scripts.h).
int64_t Verdict(Script script, const Reply& reply) {
  if (script == Script::kWithdraw) return reply.kind == Reply::Kind::kInteger ? reply.integer : -1;
  const std::vector<Reply>& parts = reply.elements;
  if (reply.kind != Reply::Kind::kArray || parts.empty() ||
      parts[0].kind != Reply::Kind::kInteger || parts[0].integer < 0 || parts[0].integer > 2) {
    return -1;
  }
  const int64_t verdict = parts[0].integer;
  if (script == Script::kPutAllow) return parts.size() == 1 && verdict < 2 ? verdict : -1;
  const bool whole = verdict == 0   ? parts.size() == 2 && parts[1].kind == Reply::Kind::kInteger
                     : verdict == 1 ? parts.size() == 2 && parts[1].kind == Reply::Kind::kString
                                    : parts.size() == 1;
  return whole ? verdict : -1;
}

}  // namespace

RedisStore::RedisStore(const Options& options, const wire::SecretKey& map_key,
                       const MakeTransport& make)
    : most_unsaved_(options.limits.registrations),
      prefix_(absl::StrCat(options.prefix, ":")),
      stream_(absl::StrCat(prefix_, "changes")),
      map_(RandomName()),
      codec_(map_key),
      nobody_(Nobody::Of(codec_)),
      here_(options.limits),
      feed_(options.link, make, stream_, map_,
            {.changed = [this](Instant now, const RecordName& name) { OnChanged(now, name); },
             .missed = [this](Instant now) { MissChanges(now); }}),
      link_(WithScripts(options.link), make,
            [this](Instant now, const std::string& run) { OnUp(now, run); }) {
  here_.SetChanged([this](Instant now, const KeyId& id, const Record& record) {
    NotifyChanged(now, id, record);
  });
}

RedisStore::Counts RedisStore::counts() const {
  Counts counts = counts_;
  counts.unsaved = unsaved_.size() + (save_end_ - save_from_);
  counts.values_foreign += feed_.foreign();
  counts.changes = feed_.read();
  return counts;
}

void RedisStore::CompleteHere() {
  Push([this](Instant now) { here_.Complete(now); });
}

// --- Questions. ---

std::string RedisStore::KeyOf(const RecordName& name) const {
  return absl::StrCat(prefix_, "r:", absl::BytesToHexString(Text(name)));
}

bool RedisStore::Run(Instant now, Script script, const RecordName& name,
                     std::initializer_list<absl::string_view> arguments, Link::Done done) {
  if (!link_.up()) return false;
  const std::string key = KeyOf(name);
  std::vector<absl::string_view> command = {"EVALSHA", link_.script(static_cast<size_t>(script)),
                                            "2", key, stream_};
  command.insert(command.end(), arguments);
  return link_.Ask(now, command, [this, done = std::move(done)](Instant at, Reply* reply) {
    done(at, reply);
    if (reply != nullptr) Pump(at);
  });
}

bool RedisStore::AskRecord(Instant now, const RecordName& name, Link::Done done) {
  return Run(now, Script::kGet, name, {}, std::move(done));
}

void RedisStore::Get(const KeyId& id, Found found) {
  Push([this, id, found = std::move(found)](Instant now) {
    // What redis has not got yet is newer here.
    if (unsaved_.contains(id)) return AnswerHere(now, id, found);
    const RecordName name = codec_.NameOf(id);
    const bool asked = AskRecord(now, name, [this, id, name, found](Instant, Reply* reply) {
      if (reply == nullptr || reply->is_error()) {
        Push([this, id, found](Instant at) { AnswerHere(at, id, found); });
        return;
      }
      const auto kept = std::make_shared<Reply>(std::move(*reply));
      Push([this, id, name, found, kept](Instant at) {
        // Nobody shall learn by the time of an answer whether there is such a record.
        const bool nothing = kept->elements.empty();
        shared_.Fill(codec_, nothing ? nobody_.name : name, nothing ? nobody_.fields : *kept,
                     &counts_.values_foreign);
        if (const Record* record = nothing ? nullptr : shared_.record()) return found(at, record);
        if (!here_.Show(id, [&](const Record& record) { found(at, &record); })) found(at, nullptr);
      });
    });
    if (!asked) AnswerHere(now, id, found);
  });
}

// What redis cannot be asked. Whether there is such a record elsewhere is not known, so there is no answer then.
void RedisStore::AnswerHere(Instant now, const KeyId& id, const Found& found) {
  if (!here_.Show(id, [&](const Record& record) { found(now, &record); })) ++counts_.questions_lost;
}

void RedisStore::GetHere(const KeyId& id, Found found) {
  here_.Get(id, std::move(found));
  CompleteHere();
}

// Those who are to be told of a change: the map at which they are tells them.
void RedisStore::GetAllowed(KeyTag tag, Found found) {
  here_.GetAllowed(tag, std::move(found));
  CompleteHere();
}

// --- What registers here. ---

void RedisStore::PutRegistration(const wire::PublicKey& key, const KeyId& id,
                                 Registration registration, PutDone done) {
  const StoredPlace place{key, id, registration.port, !registration.observed.address.is_v4()};
  here_.PutRegistration(
      key, id, std::move(registration),
      [this, place, done = std::move(done)](Instant now, Put put, const Record* record) {
        const StoredRegistration* made = put == Put::kApplied && record != nullptr
                                             ? Find(*record, place.port, place.v6)
                                             : nullptr;
        if (made == nullptr) return done(now, put, record);
        const auto waits = std::make_shared<PutDone>(done);
        const bool asked = Save(now, place.key, *made, [this, place, waits](Instant, Reply* reply) {
          const auto kept = reply == nullptr ? nullptr : std::make_shared<Reply>(std::move(*reply));
          Push([this, place, waits, kept](Instant at) {
            AnswerPut(at, place, kept.get(), std::exchange(*waits, nullptr));
          });
        });
        if (asked) return void(puts_.push_back({now + kAnswerWithin, place.id, waits}));
        SetUnsaved(place.id);
        done(now, put, record);
      });
  CompleteHere();
}

bool RedisStore::Save(Instant now, const wire::PublicKey& key,
                      const StoredRegistration& registration, Link::Done done) {
  if (!link_.up()) return false;
  const RecordName name = codec_.NameOf(KeyId::Of(key));
  return Run(
      now, Script::kPut, name,
      {Text(name), map_, absl::StrCat(ChangeFeed::kMostKept),
       Milliseconds(registration.expires() - now),
       RegistrationField(registration.port, registration.v6()), EncodeOrder(registration.order),
       codec_.Seal(key, registration), absl::StrCat(kMaxPortsPerKey)},
      std::move(done));
}

void RedisStore::AnswerPut(Instant now, const StoredPlace& place, const Reply* reply,
                           PutDone done) {
  if (done == nullptr) done = [](Instant, Put, const Record*) {};  // AnswerPutsHere was first
  // What redis did not take is registered here nevertheless, and saved later.
  const bool taken = Taken(now, Script::kPut, place.id, reply);
  const int64_t verdict = taken ? Verdict(Script::kPut, *reply) : 0;
  if (verdict == 2) return done(now, Put::kTooManyPorts, nullptr);
  if (verdict == 1) {
    ValueCodec::Opened standing;
    if (codec_.Open(codec_.NameOf(place.id), RegistrationField(place.port, place.v6),
                    reply->elements[1].text, &standing)) {
      shared_.FillStanding(place.key, place.port, place.v6, standing.order);
      return done(now, Put::kStale, shared_.record());
    }
    // A node goes on above the order that it is told, so that it must not be told a stranger's.
    ++counts_.values_foreign;
  }
  AnswerPutHere(now, place.id, done);
  // Somebody has removed the record from redis since its list was put there.
  if (taken && verdict == 0 && reply->elements[1].integer == 0 && lists_.contains(place.id))
    SaveList(now, place.id);
}

void RedisStore::AnswerPutHere(Instant now, const KeyId& id, const PutDone& done) const {
  const bool shown =
      here_.Show(id, [&](const Record& record) { done(now, Put::kApplied, &record); });
  if (!shown) done(now, Put::kApplied, nullptr);
}

bool RedisStore::Taken(Instant now, Script script, const KeyId& id, const Reply* reply) {
  if (reply != nullptr && Verdict(script, *reply) >= 0) return true;
  if (reply != nullptr && reply->is_error()) {
    ++counts_.writes_refused;
  } else if (reply != nullptr) {
    ++counts_.values_foreign;
  }
  if (reply != nullptr) next_save_ = now + kSaveAgain;
  SetUnsaved(id);
  return false;
}

void RedisStore::Withdraw(Instant now, const KeyId& id, uint16_t port, Order order) {
  here_.Withdraw(now, id, port, order);
  CompleteHere();
  wire::PublicKey key;
  if (here_.Show(id, [&](const Record& record) { key = record.key(); })) {
    if (!WithdrawShared(now, key, port, order)) SetUnsaved(id);
    return;
  }
  const RecordName name = codec_.NameOf(id);
  const bool asked = AskRecord(now, name, [this, name, port, order](Instant at, Reply* reply) {
    if (reply == nullptr) return void(++counts_.questions_lost);
    shared_.Fill(codec_, name, *reply, &counts_.values_foreign);
    if (const Record* record = shared_.record()) WithdrawShared(at, record->key(), port, order);
  });
  if (!asked) ++counts_.questions_lost;
}

bool RedisStore::WithdrawShared(Instant now, const wire::PublicKey& key, uint16_t port,
                                const Order& order, Lists lists) {
  const KeyId id = KeyId::Of(key);
  const RecordName name = codec_.NameOf(id);
  const std::string field = RegistrationField(port, false);
  const absl::string_view which =
      port == protocol::kMapAllPorts ? "" : absl::string_view(field).substr(1, 2);
  return Run(now, Script::kWithdraw, name,
             {Text(name), map_, absl::StrCat(ChangeFeed::kMostKept), which, EncodeOrder(order),
              codec_.SealWithdrawn(key, order), lists == Lists::kEnd ? "1" : ""},
             [this, id](Instant at, Reply* reply) { Taken(at, Script::kWithdraw, id, reply); });
}

// Wherever the node registered. A list that ends in redis is written again with the next register, by a map at which it
// stands still.
void RedisStore::Forget(const KeyId& id) {
  Get(id, [this, id](Instant now, const Record* record) {
    if (record == nullptr) return;
    const wire::PublicKey key = record->key();
    Order last;
    record->ForEach([&](const StoredRegistration& r) { last = std::max(last, r.order); });
    if (++last.number == 0) ++last.epoch;  // the node may have chosen the highest number
    here_.Withdraw(now, id, protocol::kMapAllPorts, last);
    here_.PutAllow(id, {}, {}, [](Instant, bool) {});
    lists_.erase(id);
    const bool asked = WithdrawShared(now, key, protocol::kMapAllPorts, last, Lists::kEnd);
    if (!asked && here_.Show(id, [](const Record&) {})) SetUnsaved(id);
    CompleteHere();
  });
}

void RedisStore::PutAllow(const KeyId& id, const AllowDigest& digest, std::vector<KeyId> ids,
                          AllowDone done) {
  const auto named = std::make_shared<NamedList>(NamedList{digest, ids});
  here_.PutAllow(id, digest, std::move(ids),
                 [this, id, named, done = std::move(done)](Instant now, bool applied) {
                   const auto standing = lists_.find(id);
                   const bool fresh =
                       standing == lists_.end() || standing->second.named.digest != named->digest;
                   if (applied && fresh) {
                     here_.Show(id, [&](const Record& record) {
                       lists_[id] = {record.key(), LatestOf(record), std::move(*named)};
                     });
                     SaveList(now, id);
                   }
                   done(now, applied);
                 });
  CompleteHere();
}

void RedisStore::SaveList(Instant now, const KeyId& id) {
  const auto it = lists_.find(id);
  if (it == lists_.end()) return;
  const List& list = it->second;
  const RecordName name = codec_.NameOf(id);
  Duration left{};
  here_.Show(id, [&](const Record& record) {
    record.ForEach([&](const StoredRegistration& r) { left = std::max(left, r.expires() - now); });
  });
  const bool asked =
      Run(now, Script::kPutAllow, name,
          {Text(name), map_, absl::StrCat(ChangeFeed::kMostKept), Milliseconds(left),
           EncodeOrder(list.order), codec_.Seal(list.key, list.order, list.named)},
          [this, id](Instant at, Reply* reply) { Taken(at, Script::kPutAllow, id, reply); });
  if (!asked) SetUnsaved(id);
}

}  // namespace warp::map

#include "map-server/registry/registry.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

namespace warp::map {

using protocol::MapRegister;
using protocol::MapRegistered;
using protocol::MapState;
using wire::Drop;

namespace {

// Addresses that no node can reach from elsewhere are not handed out.
bool Publishable(const wire::Endpoint& endpoint) {
  const wire::IpAddress& address = endpoint.address;
  return !address.is_unspecified() && !address.is_loopback() && !address.is_multicast();
}

// What a record causes is charged to the network that it is seen in first.
Network NetworkOfRecord(const Record& record) { return NetworkOf(record.first().observed.address); }

Registration MakeRegistration(const Origin& origin, const MapRegister& message, Instant expires) {
  Registration registration;
  registration.port = message.port;
  registration.local_address = origin.local_address;
  registration.observed = origin.from;
  registration.order = message.order;
  registration.expires = expires;

  std::vector<wire::Endpoint> candidates;
  std::copy_if(message.candidates.begin(), message.candidates.end(), std::back_inserter(candidates),
               [&](const wire::Endpoint& c) { return Publishable(c) && c != origin.from; });
  if (!candidates.empty()) {
    registration.candidate_count = static_cast<uint8_t>(candidates.size());
    registration.candidates = std::make_unique<wire::Endpoint[]>(candidates.size());
    std::copy(candidates.begin(), candidates.end(), registration.candidates.get());
  }
  return registration;
}

}  // namespace

Registry::Registry(const Options& options, Store& store, wire::DropCounters& drops)
    : options_(options),
      store_(store),
      drops_(drops),
      challenger_(options.lifetime),
      partial_allow_(options.partial_allow),
      pushes_(options.pushes),
      versions_(options.pushes.pushes) {
  // A look-up of an unknown key must take the same steps, so this list is as long as a usual allow list.
  nobody_.allow.Set(std::vector<KeyTag>{0, 1, 2, 3, 4, 5, 6, 7});
  store_.SetChanged([this](Instant now, const KeyId& id, const Record& record) {
    if (record.live() && !record.allow().empty()) changes_.Add(now, id, NetworkOfRecord(record));
    if (changed_) changed_(id);
  });
  store_.SetMissed([this] { versions_.MissAll(); });
}

void Registry::Handle(Instant now, const Origin& origin, const protocol::MapMessage& message) {
  std::visit([&](const auto& m) { On(now, origin, m); }, message);
}

void Registry::On(Instant now, const Origin& origin, const MapRegister& message) {
  if (!challenger_.Verify(now, origin, message.port, message.echo)) {
    Reply(origin, Registered(now, origin, message.port, MapState::kEcho));
    return;
  }
  store_.PutRegistration(
      origin.key, origin.id, MakeRegistration(origin, message, now + options_.lifetime),
      [this, origin, message](Instant done, Store::Put put, const Record* record) {
        AnswerRegister(done, origin, message, put, record);
      });
}

void Registry::AnswerRegister(Instant now, const Origin& origin, const MapRegister& message,
                              Store::Put put, const Record* record) {
  switch (put) {
    case Store::Put::kStale: {
      // Overtaken by a later one, or the node began again with a lower epoch and has to be told the one that stands.
      drops_.Add(Drop::kTooOld);
      MapRegistered answer = Registered(now, origin, message.port, MapState::kStale);
      if (record == nullptr) return;  // it has expired just now: the next register applies
      record->ForEach([&](const StoredRegistration& standing) {
        if (standing.port == message.port)
          answer.mark = std::max(answer.mark, standing.order.epoch);
      });
      Reply(origin, answer);
      return;
    }
    case Store::Put::kFull:
      drops_.Add(Drop::kMapFull);
      ++refused_.registrations;
      Reply(origin, Registered(now, origin, message.port, MapState::kFull));
      return;
    case Store::Put::kTooManyPorts:
      drops_.Add(Drop::kMapFull);
      ++refused_.ports;
      Reply(origin, Registered(now, origin, message.port, MapState::kTooManyPorts));
      return;
    case Store::Put::kApplied:
      break;
  }
  MapRegistered answer = Registered(now, origin, message.port, MapState::kPublished);
  answer.mark = versions_.Of(origin.id);
  if (record != nullptr && message.allow != record->allow_digest()) {
    TakeList(now, origin, message, std::move(answer));
  } else {
    partial_allow_.Forget(origin.id);  // a list under way is no longer the newest
    Reply(origin, answer);
  }
}

void Registry::TakeList(Instant now, const Origin& origin, const MapRegister& message,
                        MapRegistered answer) {
  const auto reply = [this, origin, answer](ListState state) {
    MapRegistered told = answer;
    told.send_allow = state != ListState::kStored;
    Reply(origin, told);
  };
  if (message.allow == AllowDigest{}) {
    partial_allow_.Forget(origin.id);
    store_.PutAllow(origin.id, message.allow, {},
                    [reply](Instant, bool) { reply(ListState::kStored); });
    return;
  }
  if (message.ids.empty()) return reply(ListState::kUnderWay);
  if (!partial_allow_.Begin(now, origin.id, NetworkOf(origin.from.address), message.allow,
                            message.order)) {
    return reply(ListState::kUnderWay);  // a later register names another list
  }
  TakePart(origin, {message.allow, 0, message.allow_total, message.ids}, reply);
}

void Registry::On(Instant, const Origin& origin, const protocol::MapAllow& message) {
  const protocol::MapAllowed received{message.digest, message.first};
  TakePart(origin, message, [this, origin, received](ListState state) {
    if (state != ListState::kRefused) Reply(origin, received);
  });
}

void Registry::TakePart(const Origin& origin, const protocol::MapAllow& part,
                        std::function<void(ListState)> done) {
  std::vector<KeyId> list;
  switch (partial_allow_.Take(origin.id, part, &list)) {
    case PartialAllow::Verdict::kTaken:
      return done(ListState::kUnderWay);
    case PartialAllow::Verdict::kComplete:
      store_.PutAllow(origin.id, part.digest, std::move(list),
                      [this, done = std::move(done)](Instant, bool stored) {
                        if (!stored) {
                          drops_.Add(Drop::kMapFull);
                          ++refused_.allow_entries;
                        }
                        done(stored ? ListState::kStored : ListState::kRefused);
                      });
      return;
    case PartialAllow::Verdict::kUnwanted:
      // Perhaps the part comes again because its acknowledgement was lost. Then its list is the one that stands.
      store_.GetHere(origin.id, [this, digest = part.digest, done = std::move(done)](
                                    Instant, const Record* record) {
        const bool stands = record != nullptr && record->allow_digest() == digest;
        if (!stands) drops_.Add(Drop::kNotAuthorized);
        done(stands ? ListState::kStored : ListState::kRefused);
      });
      return;
    case PartialAllow::Verdict::kTooLong:
      drops_.Add(Drop::kMapFull);
      ++refused_.allow_keys;
      return done(ListState::kRefused);
    case PartialAllow::Verdict::kBad:
      drops_.Add(Drop::kMalformed);
      return done(ListState::kRefused);
  }
}

void Registry::On(Instant, const Origin& origin, const protocol::MapLookup& message) {
  store_.GetHere(origin.id, [this, origin, message](Instant now, const Record* asker) {
    if (asker == nullptr || !asker->Verified(message.port, origin.from, origin.local_address)) {
      drops_.Add(Drop::kNotAuthorized);
      ++answers_.unverified;
      Reply(origin, Registered(now, origin, message.port, MapState::kEcho));
      return;
    }
    const KeyId wanted = KeyId::Of(message.key);
    const bool introduce = asker->Allows(wanted);
    store_.Get(wanted, [this, origin, message, introduce, reader = asker->Observed()](
                           Instant, const Record* found) {
      AnswerLookup(origin, message, introduce, reader, found);
    });
  });
}

void Registry::AnswerLookup(const Origin& origin, const protocol::MapLookup& message,
                            bool introduce, std::span<const wire::IpAddress> reader,
                            const Record* found) {
  ++lookups_;
  const Record nobody(nobody_, nowhere_);
  const Record& record = found != nullptr ? *found : nobody;
  protocol::MapEndpoints answer{message.request, message.key, {}};
  if (record.Allows(origin.id)) answer.endpoints = record.Endpoints(reader);
  const bool known = !answer.endpoints.empty();
  const bool registered = found != nullptr && found->live();
  ++(known ? answers_.found : registered ? answers_.not_allowed : answers_.unknown);
  Reply(origin, std::move(answer));
  // Both nodes shall initiate at once, so that each opens its own NAT for the other.
  if (known && introduce)
    AddPush(KeyId::Of(message.key), origin.id, NetworkOf(origin.from.address));
}

void Registry::On(Instant, const Origin& origin, const protocol::MapPushAck& message) {
  if (!pushes_.Acknowledge(origin.id, message.id)) drops_.Add(Drop::kDuplicate);
}

void Registry::On(Instant now, const Origin& origin, const protocol::MapDeregister& message) {
  store_.Withdraw(now, origin.id, message.port, message.order);
}

void Registry::Forget(const KeyId& id) {
  partial_allow_.Forget(id);
  store_.Forget(id);
}

void Registry::SetLifetime(Duration lifetime) {
  options_.lifetime = lifetime;
  challenger_.SetPeriod(lifetime);
}

MapRegistered Registry::Registered(Instant now, const Origin& origin, uint16_t port,
                                   MapState state) {
  // Nodes refresh as often as the map can bear, so that they notice its restart soon.
  const Duration bearable = std::chrono::nanoseconds(std::chrono::seconds(1)) *
                            static_cast<int64_t>(store_.registrations()) /
                            protocol::kMapRefreshesPerSecond;
  const Duration longest =
      std::min(options_.refresh, options_.lifetime / protocol::kMapRefreshesPerLifetime);
  const Duration refresh = std::clamp(bearable, std::min(options_.refresh_min, longest), longest);

  MapRegistered answer;
  answer.port = port;
  answer.state = state;
  answer.challenge = challenger_.Issue(now, origin, port);
  answer.lifetime_s = static_cast<uint16_t>(
      std::clamp<int64_t>(options_.lifetime / std::chrono::seconds(1), 1, UINT16_MAX));
  answer.refresh_ms = static_cast<uint16_t>(
      std::clamp<int64_t>(refresh / std::chrono::milliseconds(1), 1, UINT16_MAX));
  answer.observed = origin.from;
  return answer;
}

void Registry::Tell(Instant, const Changes::Due& due) {
  store_.Get(due.id, [this, due](Instant now, const Record* record) {
    if (record == nullptr || !record->live()) return changes_.Told(now, due, 0);
    const std::span<const KeyTag> allow = record->allow();
    const Network network = NetworkOfRecord(*record);
    const size_t first = std::min(due.first, allow.size());
    for (const KeyTag tag : allow.subspan(first, std::min(kChangeSlice, allow.size() - first))) {
      if (tag == TagOf(due.id)) continue;
      store_.GetAllowed(tag, [this, id = due.id, seen = record->Observed(), network](
                                 Instant, const Record* found) {
        if (found == nullptr || !found->live() || !found->Allows(id)) return;
        const KeyId other = KeyId::Of(found->key());
        AddPush(other, id, network);
        // Whoever came behind the NAT of another node may hear more of it than before.
        if (found->SharesSite(seen)) AddPush(id, other, network);
      });
    }
    changes_.Told(now, due, allow.size());
  });
}

void Registry::AddPush(const KeyId& to, const KeyId& about, Network network) {
  const std::optional<KeyId> without = pushes_.Add(to, about, network);
  if (!without.has_value()) return;
  drops_.Add(Drop::kRateLimited);
  ++refused_.pushes;
  versions_.Miss(*without);
}

Instant Registry::NextTimeout() const {
  return std::min({store_.NextTimeout(), changes_.NextTimeout(), pushes_.NextTimeout(),
                   partial_allow_.NextTimeout()});
}

void Registry::HandleTimeout(Instant now) {
  store_.Expire(now);
  partial_allow_.Expire(now);
  for (int i = 0; i < kChangeSlicesPerTurn; ++i) {
    const std::optional<Changes::Due> due = changes_.NextDue(now);
    if (!due.has_value()) break;
    Tell(now, *due);
  }
  store_.Complete(now);  // so that the pushes go in this turn
  for (int i = 0; i < kPushesPerTurn; ++i) {
    const std::optional<PushQueue::Due> due = pushes_.NextDue(now);
    if (!due.has_value()) break;
    SendPush(*due);
    if (due->last) versions_.Miss(due->to);
  }
}

void Registry::SendPush(const PushQueue::Due& due) {
  store_.GetHere(due.to, [this, due](Instant, const Record* to) {
    // What was true when the push was queued may have ended since.
    if (to == nullptr || !to->live() || !to->Allows(due.about)) {
      pushes_.Acknowledge(due.to, due.id);
      return;
    }
    // The address heard from last, and at each repetition the next one, because one of the node's links may be dead.
    std::vector<const StoredRegistration*> live;
    to->ForEach([&](const StoredRegistration& registration) {
      if (registration.live()) live.push_back(&registration);
    });
    std::sort(live.begin(), live.end(),
              [](const auto* a, const auto* b) { return a->order > b->order; });
    assert(!live.empty());
    const StoredRegistration& at = *live[static_cast<size_t>(due.attempt) % live.size()];
    store_.Get(
        due.about, [this, due, key = to->key(), observed = at.observed, local = at.local_address,
                    reader = to->Observed()](Instant, const Record* about) {
          if (about == nullptr || !about->Allows(due.to) || !about->live()) {
            pushes_.Acknowledge(due.to, due.id);
            return;
          }
          ++pushes_sent_;
          outgoing_.push_back({key, observed, local,
                               protocol::MapPush{due.id, about->key(), about->Endpoints(reader)}});
        });
  });
}

void Registry::Reply(const Origin& origin, protocol::MapMessage message) {
  outgoing_.push_back({origin.key, origin.from, origin.local_address, std::move(message)});
}

std::optional<Outgoing> Registry::NextOutgoing() {
  if (outgoing_.empty()) return std::nullopt;
  Outgoing front = std::move(outgoing_.front());
  outgoing_.pop_front();
  return front;
}

}  // namespace warp::map

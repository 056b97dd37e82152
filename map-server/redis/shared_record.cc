#include "map-server/redis/shared_record.h"

#include <algorithm>
#include <vector>

#include "map-server/constants.h"

namespace warp::map {

Nobody Nobody::Of(const ValueCodec& codec) {
  const wire::PublicKey key = wire::SecretKey::Generate().Public();
  StoredRegistration registration;
  registration.observed = {wire::IpAddress::V4({192, 0, 2, 1}), 1};
  NamedList list;
  for (uint8_t i = 0; i < kAllowPerRegistration; ++i) list.ids.push_back(KeyId::FromBytes({i}));

  const std::string head = EncodeOrder({}) + std::string(8, '\0');
  Nobody nobody{codec.NameOf(KeyId::Of(key)), {.kind = Reply::Kind::kArray}};
  for (const std::string& text :
       {RegistrationField(registration.port, false), head + codec.Seal(key, registration),
        std::string(kAllowField), head + codec.Seal(key, {}, list)}) {
    nobody.fields.elements.push_back({.kind = Reply::Kind::kString, .text = text});
  }
  return nobody;
}

void SharedRecord::Clear() {
  for (Id id = stored_.first; id != kNoId;) {
    const Id next = registrations_[id].next;
    registrations_.Free(id);
    id = next;
  }
  stored_.first = last_ = kNoId;
  stored_.key = {};
  stored_.digest = {};
  stored_.allow.Set({});
}

void SharedRecord::Add(const ValueCodec::Opened& opened) {
  const Id id = registrations_.Make();
  StoredRegistration& made = registrations_[id];
  made.order = opened.order;
  made.port = opened.port;
  made.local_address = opened.reachable ? 0 : kFirstStreamId;
  made.observed = opened.observed;
  // Without a port it is withdrawn; the address has the family alone.
  if (!opened.live) made.observed = {opened.v6 ? wire::IpAddress() : wire::IpAddress::V4({}), 0};
  made.candidates.Set(opened.candidates);
  (last_ == kNoId ? stored_.first : registrations_[last_].next) = id;
  last_ = id;
}

void SharedRecord::Fill(const ValueCodec& codec, const RecordName& name, const Reply& reply,
                        uint64_t* foreign) {
  Clear();
  const size_t most = 2 * (kMaxPortsPerKey + 1);
  if (reply.kind != Reply::Kind::kArray || reply.elements.size() % 2 != 0 ||
      reply.elements.size() > most) {
    ++*foreign;
    return;
  }
  for (size_t i = 0; i < reply.elements.size(); i += 2) {
    ValueCodec::Opened opened;
    if (reply.elements[i].kind != Reply::Kind::kString ||
        reply.elements[i + 1].kind != Reply::Kind::kString ||
        !codec.Open(name, reply.elements[i].text, reply.elements[i + 1].text, &opened)) {
      ++*foreign;
      continue;
    }
    stored_.key = opened.key;
    if (!opened.list.has_value()) {
      Add(opened);
      continue;
    }
    std::vector<KeyTag> tags(opened.list->ids.size());
    std::transform(opened.list->ids.begin(), opened.list->ids.end(), tags.begin(), TagOf);
    std::sort(tags.begin(), tags.end());
    stored_.digest = opened.list->digest;
    stored_.allow.Set(tags);
  }
}

void SharedRecord::FillStanding(const wire::PublicKey& key, uint16_t port, bool v6,
                                const Order& order) {
  Clear();
  stored_.key = key;
  ValueCodec::Opened standing;
  standing.port = port;
  standing.v6 = v6;
  standing.order = order;
  Add(standing);
}

}  // namespace warp::map

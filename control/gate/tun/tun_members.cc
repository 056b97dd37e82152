#include "control/gate/tun/tun_members.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace warp::control {
namespace {

std::vector<PacketMatch> MatchesOf(const std::vector<TunClass>& classes) {
  std::vector<PacketMatch> matches;
  for (const TunClass& one : classes) matches.push_back(one.match);
  return matches;
}

}  // namespace

TunMembers::Entry::Entry(TunMember& of, TunRole with)
    : member(of), role(std::move(with)), classifier(MatchesOf(role.classes)) {}

void TunMembers::Add(TunMember& member, TunRole role) {
  Entry& entry = *members_.emplace_back(std::make_unique<Entry>(member, std::move(role)));
  if (entry.role.class_of.empty()) {
    for (const TunPrefix& prefix : entry.role.routes) routes_.Add(prefix, &entry);
  }
  Link();
}

void TunMembers::Remove(const TunMember& member) {
  const auto found =
      std::find_if(members_.begin(), members_.end(),
                   [&](const std::unique_ptr<Entry>& entry) { return &entry->member == &member; });
  if (found == members_.end()) return;
  routes_.Remove(found->get());
  members_.erase(found);
  Link();
}

TunMembers::Entry* TunMembers::Find(const TunMember& member) const {
  for (const std::unique_ptr<Entry>& entry : members_) {
    if (&entry->member == &member) return entry.get();
  }
  return nullptr;
}

bool TunMembers::MayWait(const TunMember& member, wire::Instant now) {
  if (members_.size() == 1) return true;
  Entry* const entry = Find(member);
  if (entry == nullptr || now >= entry->impatient_until) return true;
  entry->impatient_until = now + kImpatientFor;
  return false;
}

void TunMembers::LosePatience(const TunMember& member, wire::Instant now) {
  if (Entry* const entry = Find(member); entry != nullptr)
    entry->impatient_until = now + kImpatientFor;
}

// Tunnels come and go in any order, so that who serves which class is looked up anew each time.
void TunMembers::Link() {
  only_ = nullptr;
  for (const std::unique_ptr<Entry>& entry : members_) entry->owner = entry.get();
  for (const std::unique_ptr<Entry>& owner : members_) {
    owner->sharers.clear();
    owner->class_members.assign(owner->role.classes.size(), &owner->member);
    if (!owner->role.class_of.empty()) {
      owner->class_members.clear();
      continue;
    }
    if (only_ == nullptr && owner->role.routes.empty()) only_ = owner.get();
    for (const std::unique_ptr<Entry>& other : members_) {
      if (other->role.class_of.empty() || other->role.class_of != owner->role.tunnel) continue;
      owner->sharers.push_back(&other->member);
      other->owner = owner.get();
      for (size_t i = 0; i < owner->role.classes.size(); ++i) {
        if (owner->role.classes[i].tunnel == other->role.tunnel)
          owner->class_members[i] = &other->member;
      }
    }
  }
}

TunMembers::Target TunMembers::TargetOf(wire::Instant now, wire::Bytes packet,
                                        const InnerPacket& inner) {
  Entry* const owner = routes_.empty() ? only_ : routes_.Find(DestinationOf(packet, inner));
  if (owner == nullptr) return {};
  Target target{.member = &owner->member,
                .interactive = interactive_.IsInteractive(now, packet, inner)};
  if (owner->class_members.empty()) return target;
  const std::optional<size_t> found = owner->classifier.ClassOf(packet, inner, target.interactive);
  if (found.has_value()) target.member = owner->class_members[*found];
  return target;
}

size_t TunMembers::LeastRoom(const TunMember& member) const {
  const Entry* const entry = Find(member);
  if (entry == nullptr) return member.room();
  size_t least = entry->owner->member.room();
  for (const TunMember* const sharer : entry->owner->sharers) {
    const size_t room = sharer->room();
    if (least == 0 || (room > 0 && room < least)) least = room;
  }
  return least;
}

bool TunMembers::MayComeFrom(const TunMember& member, const wire::IpAddress& source) const {
  if (routes_.empty()) return true;
  const Entry* const owner = routes_.Find(source);
  if (owner == nullptr) return false;
  return &owner->member == &member ||
         std::find(owner->sharers.begin(), owner->sharers.end(), &member) != owner->sharers.end();
}

}  // namespace warp::control

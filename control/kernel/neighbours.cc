#include "control/kernel/neighbours.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

#include "control/kernel/netlink_message.h"

namespace warp::control {
namespace {

// A neighbour that has answered before and is silent now is asked more often than the kernel would by itself (once a
// second), so that it is in use again soon after its return. Since each question is a broadcast, this ends after a
// time.
constexpr wire::Duration kEagerInterval = std::chrono::milliseconds(250);
constexpr wire::Duration kEagerTime = std::chrono::minutes(1);
constexpr wire::Duration kInterval = std::chrono::seconds(1);

constexpr uint16_t kUsableStates =
    NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;

ndmsg Body(const Neighbours::Key& key, uint16_t state, uint8_t flags) {
  return {.ndm_family = static_cast<uint8_t>(AddressFamily(key.address)),
          .ndm_ifindex = key.interface,
          .ndm_state = state,
          .ndm_flags = flags};
}

}  // namespace

Neighbours::Neighbours(Loop& loop, NetlinkSocket& socket, std::function<void(const Key&)> changed)
    : loop_(loop), socket_(socket), changed_(std::move(changed)), tick_(loop, [this] { Tick(); }) {}

void Neighbours::Acquire(const Key& key) {
  if (neighbours_[key].users++ == 0) Ask(key);
}

void Neighbours::Release(const Key& key) {
  const auto it = neighbours_.find(key);
  if (--it->second.users == 0) neighbours_.erase(it);
}

Neighbours::View Neighbours::Look(const Key& key) const { return neighbours_.at(key).view; }

// --- What the kernel says ---

void Neighbours::OnEvent(nlmsghdr* message) {
  const NetlinkView<ndmsg, NDA_LLADDR> view(message);
  if (!view.valid()) return;
  const auto address = view.Address(NDA_DST);
  if (!address.has_value()) return;
  const auto it = neighbours_.find({view.body().ndm_ifindex, *address});
  if (it == neighbours_.end() || it->second.paused) return;
  if (message->nlmsg_type == RTM_DELNEIGH) {
    OnMissing(*it);
  } else {
    Apply(*it, message);
  }
}

void Neighbours::OnAnswer(const Key& key, nlmsghdr* answer) {
  const auto it = neighbours_.find(key);
  if (it == neighbours_.end() || it->second.paused) return;
  if (answer != nullptr) {
    Apply(*it, answer);
  } else {
    OnMissing(*it);
  }
}

void Neighbours::OnOverrun() {
  for (const auto& [key, neighbour] : neighbours_) Ask(key);
}

void Neighbours::Apply(Entry& entry, nlmsghdr* message) {
  const NetlinkView<ndmsg, NDA_LLADDR> view(message);
  if (!view.valid()) return;
  wire::MacAddress mac;
  nlattr* lladdr = view.Find(NDA_LLADDR);
  const bool has_mac = lladdr != nullptr && nla_len(lladdr) == static_cast<int>(mac.bytes.size());
  if (has_mac) std::memcpy(mac.bytes.data(), nla_data(lladdr), mac.bytes.size());
  Learn(entry, view.body().ndm_state, has_mac ? &mac : nullptr);
}

void Neighbours::Learn(Entry& entry, uint16_t state, const wire::MacAddress* mac) {
  Neighbour& neighbour = entry.second;
  neighbour.fixed = (state & (NUD_PERMANENT | NUD_NOARP)) != 0;
  if ((state & kUsableStates) != 0 && mac != nullptr) {
    neighbour.was_known = true;
    neighbour.unknown_since = neighbour.next_use = wire::kNever;
    Publish(entry, {Verdict::kKnown, *mac});
    if ((state & NUD_STALE) != 0) Use(entry);  // confirms it; usable meanwhile
    return;
  }
  if ((state & NUD_FAILED) != 0) Publish(entry, {Verdict::kSilent, {}});
  if (neighbour.next_use == wire::kNever) Use(entry);
}

// The kernel has no entry, or has thrown it away. The address that we knew stands until there is an answer (make before
// break).
void Neighbours::OnMissing(Entry& entry) {
  entry.second.fixed = false;
  Use(entry);
}

void Neighbours::Publish(Entry& entry, const View& view) {
  View& known = entry.second.view;
  if (known.verdict == view.verdict && known.mac == view.mac) return;
  known = view;
  changed_(entry.first);
}

// --- What the kernel is told ---

void Neighbours::Ask(const Key& key) {
  socket_.Ask(NetlinkRequest(RTM_GETNEIGH, 0, Body(key, 0, 0)).Put(NDA_DST, key.address),
              [this, key](nlmsghdr* answer, int) { OnAnswer(key, answer); });
}

// A router that lost the link has forgotten our address. If it also lost our answer to its first question, its kernel
// asks again only a second later, so a question of our own tells it at once. NTF_USE would not do: if the router's
// question has made an entry here, the kernel would not ask for five seconds.
void Neighbours::Probe(const Key& key) {
  socket_.Send(NetlinkRequest(RTM_NEWNEIGH, NLM_F_REPLACE, Body(key, NUD_PROBE, 0))
                   .Put(NDA_DST, key.address));  // without an entry it fails, and Ask makes one
}

void Neighbours::Use(Entry& entry) {
  const Key& key = entry.first;
  Neighbour& neighbour = entry.second;
  // NTF_USE would turn the operator's permanent entry into one that ages.
  if (neighbour.fixed) return;
  socket_.Send(NetlinkRequest(RTM_NEWNEIGH, NLM_F_CREATE, Body(key, NUD_NONE, NTF_USE))
                   .Put(NDA_DST, key.address));
  if (neighbour.view.verdict == Verdict::kKnown) return;  // the kernel tells the outcome
  const wire::Instant now = loop_.now();
  neighbour.unknown_since = std::min(neighbour.unknown_since, now);
  neighbour.next_use = now + Interval(neighbour, now);
  if (!tick_.running()) tick_.Set(kEagerInterval);
}

wire::Duration Neighbours::Interval(const Neighbour& neighbour, wire::Instant now) const {
  const bool eager = neighbour.was_known && now - neighbour.unknown_since < kEagerTime;
  return eager ? kEagerInterval : kInterval;
}

void Neighbours::Tick() {
  const wire::Instant now = loop_.now();
  bool waiting = false;
  for (Entry& entry : neighbours_) {
    Neighbour& neighbour = entry.second;
    if (neighbour.next_use == wire::kNever) continue;
    waiting = true;
    if (neighbour.next_use > now) continue;
    if (Interval(neighbour, now) == kEagerInterval) {
      // The kernel is asking already, once a second. An entry that has failed is asked for at once when it is used.
      // What the kernel had queued for this neighbour is lost, as it would be two seconds later.
      socket_.Send(NetlinkRequest(RTM_NEWNEIGH, NLM_F_REPLACE, Body(entry.first, NUD_FAILED, 0))
                       .Put(NDA_DST, entry.first.address));
    }
    Use(entry);
  }
  if (waiting && !tick_.running()) tick_.Set(kEagerInterval);
}

void Neighbours::Forget(int interface) {
  for (Entry& entry : neighbours_) {
    if (entry.first.interface != interface) continue;
    entry.second.paused = true;
    entry.second.unknown_since = entry.second.next_use = wire::kNever;
    Publish(entry, {});
  }
}

void Neighbours::Hurry(int interface) {
  for (Entry& entry : neighbours_) {
    if (entry.first.interface != interface) continue;
    entry.second.paused = false;
    if (!entry.second.fixed) Probe(entry.first);
    Ask(entry.first);
  }
}

}  // namespace warp::control

#include "control/protocol/session/twin_watch.h"

#include <algorithm>

namespace warp::protocol {
namespace {

// Sessions and addresses that are compared. More addresses of one session are left out.
constexpr size_t kMostSpeeches = 6;
constexpr size_t kMostAddresses = 16;
// A session in which nothing was heard for this long says nothing of the present.
constexpr Duration kWindow = std::chrono::seconds(30);
// So long a session may take to be heard over the slowest link of its node.
constexpr Duration kSettle = std::chrono::seconds(1);

using Addresses = std::vector<wire::IpAddress>;

bool Share(const Addresses& a, const Addresses& b) {
  return std::find_first_of(a.begin(), a.end(), b.begin(), b.end()) != a.end();
}

}  // namespace

TwinWatch::Speech& TwinWatch::SpeechOf(Instant now, uint64_t order) {
  std::erase_if(speeches_, [&](const Speech& speech) { return now - speech.last > kWindow; });
  auto at = std::find_if(speeches_.begin(), speeches_.end(),
                         [&](const Speech& speech) { return speech.order >= order; });
  if (at == speeches_.end() || at->order != order) {
    at = speeches_.insert(at, {.order = order, .first = now, .last = now, .addresses = {}});
  }
  return *at;
}

bool TwinWatch::Accuses(Instant now, const Speech& old, const Speech& other,
                        const Speech& back) const {
  return old.last > other.first && other.last > back.first && now - back.first >= kSettle &&
         Share(old.addresses, back.addresses) && !Share(old.addresses, other.addresses) &&
         !Share(other.addresses, back.addresses);
}

bool TwinWatch::Note(Instant now, uint64_t order, const wire::IpAddress& from) {
  if (order == 0) return false;
  Speech& speech = SpeechOf(now, order);
  speech.last = now;
  if (speech.addresses.size() < kMostAddresses && !Share(speech.addresses, {from}))
    speech.addresses.push_back(from);
  if (speeches_.size() > kMostSpeeches) speeches_.erase(speeches_.begin());

  bool news = false;
  for (size_t back = 2; back < speeches_.size(); ++back) {
    for (size_t other = 1; other < back; ++other) {
      for (size_t old = 0; old < other; ++old) {
        if (!Accuses(now, speeches_[old], speeches_[other], speeches_[back])) continue;
        if (twins_.empty() || now - seen_ > kMemory) {
          since_ = now;
          news = true;
        }
        seen_ = now;
        twins_ = {speeches_[other].addresses.front(), speeches_[back].addresses.front()};
        std::sort(twins_.begin(), twins_.end());
      }
    }
  }
  return news;
}

}  // namespace warp::protocol

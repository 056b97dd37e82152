#include "control/lan/loud_sources.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace warp::control {
namespace {

// Where the source address stands in the IP header.
constexpr size_t kSourceV4 = 12;
constexpr size_t kSourceV6 = 8;

}  // namespace

bool LoudSources::Note(wire::Instant now, const wire::IpAddress& from) {
  if (now >= begun_ + kSecond) {
    counts_.clear();
    begun_ = now;
  }
  if (++counts_[from] < kTooMany || loud_.size() == kMost || Has(from)) return false;
  counts_.erase(from);
  loud_.push_back({from, now + kLeftOut});
  return true;
}

bool LoudSources::Expire(wire::Instant now) {
  return std::erase_if(loud_, [now](const Loud& one) { return one.until <= now; }) > 0;
}

wire::Instant LoudSources::NextExpiry() const {
  wire::Instant next = wire::kNever;
  for (const Loud& one : loud_) next = std::min(next, one.until);
  return next;
}

bool LoudSources::Has(const wire::IpAddress& from) const {
  return std::any_of(loud_.begin(), loud_.end(),
                     [&](const Loud& one) { return one.address == from; });
}

// What the kernel refuses changes nothing but the cost.
void LoudSources::Apply(int fd, bool v6) const {
  if (loud_.empty()) {
    const int unused = 0;
    setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
    return;
  }
  const uint32_t at = static_cast<uint32_t>(SKF_NET_OFF) + (v6 ? kSourceV6 : kSourceV4);
  const uint32_t words = v6 ? 4 : 1;
  std::vector<sock_filter> program;
  for (const Loud& one : loud_) {
    // Word by word; the first that differs goes on behind the return.
    for (uint32_t i = 0; i < words; ++i) {
      uint32_t word;
      std::memcpy(&word, one.address.bytes().data() + (v6 ? 4 * i : 12), sizeof(word));
      program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at + 4 * i));
      const auto behind = static_cast<uint8_t>(2 * (words - 1 - i) + 1);
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(word), 0, behind));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, UINT32_MAX));
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                          .filter = program.data()};
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

}  // namespace warp::control

#include "control/loop/names/translation.h"

// What c-ares 1.28 calls old is all that 1.18 has.
#define CARES_NO_DEPRECATED
#include <ares.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace warp::control {
namespace {

constexpr size_t kMostAddresses = 16;

struct Found {
  wire::Nat64Prefix prefix;
  std::array<bool, 2> holds{};  // 192.0.0.170, 192.0.0.171
};

std::optional<wire::Nat64Prefix> PrefixOf(const wire::IpAddress& address, uint8_t length) {
  std::array<uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), address.bytes().data(), length / size_t{8});
  return wire::Nat64Prefix::Make(wire::IpAddress::V6(bytes), length);
}

}  // namespace

std::vector<wire::Nat64Prefix> PrefixesIn(std::span<const wire::IpAddress> addresses) {
  std::vector<Found> all;
  for (const wire::IpAddress& address : addresses) {
    for (const uint8_t length : {96, 64, 56, 48, 40, 32}) {
      const std::optional<wire::Nat64Prefix> prefix = PrefixOf(address, length);
      if (!prefix) continue;
      const wire::IpAddress held = prefix->Extract(address);
      for (const uint8_t last : {170, 171}) {
        if (held != wire::IpAddress::V4({192, 0, 0, last})) continue;
        auto known = std::find_if(all.begin(), all.end(),
                                  [&](const Found& one) { return one.prefix == *prefix; });
        if (known == all.end()) known = all.insert(known, {.prefix = *prefix});
        known->holds[last - 170u] = true;
      }
    }
  }
  std::stable_partition(all.begin(), all.end(),
                        [](const Found& one) { return one.holds[0] && one.holds[1]; });
  std::vector<wire::Nat64Prefix> prefixes;
  for (const Found& one : all) {
    if (prefixes.size() < kMostPrefixes) prefixes.push_back(one.prefix);
  }
  return prefixes;
}

absl::StatusOr<std::vector<wire::Nat64Prefix>> ReadPrefixes(wire::Bytes answer) {
  std::array<ares_addr6ttl, kMostAddresses> records{};
  int count = static_cast<int>(records.size());
  const int error = ares_parse_aaaa_reply(answer.data(), static_cast<int>(answer.size()), nullptr,
                                          records.data(), &count);
  if (error != ARES_SUCCESS) return absl::NotFoundError(ares_strerror(error));
  std::vector<wire::IpAddress> addresses;
  for (int i = 0; i < count; ++i) {
    std::array<uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &records[static_cast<size_t>(i)].ip6addr, bytes.size());
    addresses.push_back(wire::IpAddress::V6(bytes));
  }
  // A server may turn them round in each answer.
  std::sort(addresses.begin(), addresses.end());
  std::vector<wire::Nat64Prefix> prefixes = PrefixesIn(addresses);
  if (prefixes.empty()) return absl::NotFoundError("no address holds a known one");
  return prefixes;
}

}  // namespace warp::control

#include "control/config/text/ip_prefix.h"

#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "control/config/text/digits.h"

namespace warp::config {
namespace {

constexpr size_t kV4Bits = 32, kV6Bits = 128;

size_t BitsOf(const wire::IpAddress& address) { return address.is_v4() ? kV4Bits : kV6Bits; }

// The address with zeros behind its first `length` bits.
wire::IpAddress Cut(const wire::IpAddress& address, size_t length) {
  std::array<uint8_t, 16> bytes = address.bytes();
  // An IPv4 address is the last 32 bits of the 128.
  for (size_t bit = kV6Bits - BitsOf(address) + length; bit < kV6Bits; ++bit) {
    bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
  }
  return wire::IpAddress::V6(bytes);
}

// An address with a length behind it, or with all of its bits where there is none.
absl::StatusOr<InterfaceAddress> ReadWhole(absl::string_view text) {
  const size_t slash = text.find('/');
  const absl::StatusOr<wire::IpAddress> address = wire::IpAddress::Parse(text.substr(0, slash));
  if (!address.ok()) {
    return absl::InvalidArgumentError(
        "is not an address such as 198.51.100.7, or a prefix such as 198.51.100.0/24");
  }
  const size_t bits = BitsOf(*address);
  size_t length = bits;
  if (slash != absl::string_view::npos) {
    const std::optional<uint64_t> number = ReadDigits(text.substr(slash + 1));
    if (!number || *number > bits) {
      return absl::InvalidArgumentError(
          absl::StrCat("is not a prefix: behind the / stands a whole number from 0 to ", bits));
    }
    length = static_cast<size_t>(*number);
  }
  return InterfaceAddress{.address = *address, .length = static_cast<uint8_t>(length)};
}

}  // namespace

absl::StatusOr<IpPrefix> IpPrefix::Parse(absl::string_view text) {
  const absl::StatusOr<InterfaceAddress> whole = ReadWhole(text);
  if (!whole.ok()) return whole.status();
  const IpPrefix prefix = whole->Network();
  if (prefix.address != whole->address) {
    return absl::InvalidArgumentError(
        absl::StrCat("has bits behind its prefix: write ", prefix.ToString()));
  }
  return prefix;
}

std::string IpPrefix::ToString() const {
  if (length == BitsOf(address)) return address.ToString();
  return absl::StrCat(address.ToString(), "/", length);
}

bool IpPrefix::Contains(const wire::IpAddress& other) const {
  return other.is_v4() == address.is_v4() && Cut(other, length) == address;
}

absl::StatusOr<InterfaceAddress> InterfaceAddress::Parse(absl::string_view text) {
  absl::StatusOr<InterfaceAddress> address = ReadWhole(text);
  const bool whole = address.ok() && text.find('/') != absl::string_view::npos;
  if (!whole || address->address.is_multicast() || address->address.is_unspecified() ||
      address->address.is_loopback()) {
    return absl::InvalidArgumentError(
        "is not an address with the length of its network, such as 10.9.0.1/24");
  }
  return address;
}

std::string InterfaceAddress::ToString() const {
  return absl::StrCat(address.ToString(), "/", length);
}

IpPrefix InterfaceAddress::Network() const {
  return {.address = Cut(address, length), .length = length};
}

}  // namespace warp::config

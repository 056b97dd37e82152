#include "control/config/schema/codec.h"

#include <algorithm>
#include <bit>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "control/config/text/addresses.h"
#include "control/config/text/quantity.h"

namespace warp::config {
namespace {

using std::chrono::nanoseconds;

constexpr size_t kMaxName = 64;
constexpr size_t kMaxPath = 4095;     // PATH_MAX without its end
constexpr size_t kMaxInterface = 15;  // IFNAMSIZ without its end
constexpr size_t kMaxDevargs = 512;
constexpr size_t kMaxAccount = 32;  // LOGIN_NAME_MAX of useradd(8)

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsAlnum(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }
bool IsGraph(char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); }
bool IsHex(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }

struct Unit {
  absl::string_view name;
  uint64_t size;
};

// Largest first.
constexpr Unit kTimeUnits[] = {{"h", 3'600'000'000'000},
                               {"m", 60'000'000'000},
                               {"s", 1'000'000'000},
                               {"ms", 1'000'000},
                               {"us", 1'000}};
constexpr Unit kMemoryUnits[] = {{"GiB", 1024}, {"MiB", 1}};

// Reads a whole number with one of the units behind it, in the base of the units. Nothing: the text is not that, or the
// value exceeds 64 bits.
template <size_t N>
std::optional<uint64_t> ReadQuantity(absl::string_view text, const Unit (&units)[N]) {
  const auto end = std::find_if_not(text.begin(), text.end(), IsDigit);
  const auto digits = static_cast<size_t>(end - text.begin());
  const std::optional<uint64_t> number = ReadDigits(text.substr(0, digits));
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (text.substr(digits) != unit.name) continue;
    uint64_t value = 0;
    if (__builtin_mul_overflow(*number, unit.size, &value)) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

// A string as it stands, if `right` holds.
Codec<std::string> Text(absl::string_view type, absl::string_view wrong,
                        std::function<bool(absl::string_view)> right) {
  return {.type = std::string(type),
          .read = [wrong = std::string(wrong), right = std::move(right)](
                      absl::string_view text) -> absl::StatusOr<std::string> {
            if (!right(text)) return Unacceptable(text, wrong);
            return std::string(text);
          },
          .write = [](const std::string& value) { return value; }};
}

bool IsPciAddress(absl::string_view text) {
  constexpr absl::string_view kPattern = "hhhh:hh:hh.o";
  if (text.size() != kPattern.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char want = kPattern[i];
    const bool right = want == 'h'   ? IsHex(text[i])
                       : want == 'o' ? text[i] >= '0' && text[i] <= '7'
                                     : text[i] == want;
    if (!right) return false;
  }
  return true;
}

bool MayBeRemote(const wire::IpAddress& address) {
  return !NamesNobody(address) && !IsReserved(address) && !address.is_loopback() &&
         !address.is_multicast();
}

// A decimal number with a unit, from `min` to `max`.
Codec<uint64_t> Decimal(absl::string_view what, absl::string_view such_as, uint64_t min,
                        uint64_t max, std::optional<double> (*read)(absl::string_view),
                        std::string (*write)(uint64_t)) {
  const std::string range = absl::StrCat(write(min), " to ", write(max));
  const std::string mistake = absl::StrCat("is not a ", what, " such as ", such_as);
  return {.type = absl::StrCat(what, ", ", range),
          .read = [=](absl::string_view text) -> absl::StatusOr<uint64_t> {
            const std::optional<double> value = read(text);
            if (!value) return Unacceptable(text, mistake);
            if (*value < static_cast<double>(min) || *value > static_cast<double>(max)) {
              return Unacceptable(text, absl::StrCat("is not from ", range));
            }
            return static_cast<uint64_t>(*value);
          },
          .write = [write](const uint64_t& value) { return write(value); }};
}

}  // namespace

absl::Status Unacceptable(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(Quote(text), " ", what));
}

Codec<uint32_t> PowerOfTwo(uint32_t min, uint32_t max, absl::string_view unit) {
  const std::string type = absl::StrCat("power of two, ", min, " to ", max);
  return {.type = type,
          .unit = std::string(unit),
          .read = [=](absl::string_view text) -> absl::StatusOr<uint32_t> {
            const std::optional<uint64_t> value = ReadDigits(text);
            if (!value || *value < min || *value > max || !std::has_single_bit(*value)) {
              return Unacceptable(text,
                                  absl::StrCat("is not a power of two from ", min, " to ", max));
            }
            return static_cast<uint32_t>(*value);
          },
          .write = [](const uint32_t& value) { return absl::StrCat(value); }};
}

std::string WriteDuration(nanoseconds value) {
  if (value == nanoseconds::zero()) return "0";
  const auto count = static_cast<uint64_t>(value.count());
  for (const Unit& unit : kTimeUnits) {
    // Few minutes are written as seconds, as 120s, because the protocol's own timers are given in seconds.
    const bool short_minutes = unit.name == "m" && count < 10 * unit.size;
    if (count >= unit.size && count % unit.size == 0 && !short_minutes) {
      return absl::StrCat(count / unit.size, unit.name);
    }
  }
  return absl::StrCat(count / 1000, "us");
}

Codec<nanoseconds> DurationText(nanoseconds min, nanoseconds max) {
  const std::string range = absl::StrCat(WriteDuration(min), " to ", WriteDuration(max));
  return {.type = absl::StrCat("duration, ", range),
          .read = [=](absl::string_view text) -> absl::StatusOr<nanoseconds> {
            if (text == "0" && min == nanoseconds::zero()) return min;
            const std::optional<uint64_t> value = ReadQuantity(text, kTimeUnits);
            if (!value) return Unacceptable(text, "is not a duration such as 250ms, 2s or 1m");
            if (*value < static_cast<uint64_t>(min.count()) ||
                *value > static_cast<uint64_t>(max.count())) {
              return Unacceptable(text, absl::StrCat("is not from ", range));
            }
            return nanoseconds(static_cast<int64_t>(*value));
          },
          .write = WriteDuration};
}

Codec<uint32_t> Mebibytes(uint32_t min, uint32_t max) {
  const auto write = [](const uint32_t& mib) {
    return mib % 1024 == 0 && mib > 0 ? absl::StrCat(mib / 1024, "GiB") : absl::StrCat(mib, "MiB");
  };
  const std::string range = absl::StrCat(write(min), " to ", write(max));
  return {.type = absl::StrCat("amount of memory, ", range),
          .read = [=](absl::string_view text) -> absl::StatusOr<uint32_t> {
            const std::optional<uint64_t> value = ReadQuantity(text, kMemoryUnits);
            if (!value || *value < min || *value > max) {
              return Unacceptable(text, absl::StrCat("is not an amount of memory from ", range));
            }
            return static_cast<uint32_t>(*value);
          },
          .write = write};
}

// The least is slower than any link that is worth a path.
Codec<uint64_t> RateText() {
  return Decimal("rate", "20Mbit or 500kbit", 10'000, 1'000'000'000'000, ReadRate, WriteRate);
}

Codec<uint64_t> SizeText(uint64_t min, uint64_t max) {
  return Decimal("size", "50GB or 700MB", min, max, ReadSize, WriteSize);
}

Codec<std::string> Name() {
  return Text("name", "is not a name: letters, digits, '-', '_' and '.', at most 64, no sign first",
              [](absl::string_view text) {
                return !text.empty() && text.size() <= kMaxName && IsAlnum(text[0]) &&
                       std::all_of(text.begin(), text.end(), [](char c) {
                         return IsAlnum(c) || c == '-' || c == '_' || c == '.';
                       });
              });
}

Codec<std::string> FilePath() {
  return Text("path", "is not a path", [](absl::string_view text) {
    return !text.empty() && text.size() <= kMaxPath &&
           !absl::StrContains(text, absl::string_view("\0", 1)) && text.back() != '/';
  });
}

Codec<std::string> AccountName() {
  return Text("name of an account", "is not the name of a user or group: at most 32 characters",
              [](absl::string_view text) {
                return !text.empty() && text.size() <= kMaxAccount && text[0] != '-' &&
                       std::all_of(text.begin(), text.end(),
                                   [](char c) { return IsGraph(c) && c != ':' && c != '/'; });
              });
}

Codec<uint16_t> OctalMode(uint16_t max) {
  return {.type = absl::StrFormat("0000 to %04o", max),
          .read = [max](absl::string_view text) -> absl::StatusOr<uint16_t> {
            uint16_t mode = 0;
            absl::string_view digits = text;
            if (absl::ConsumePrefix(&digits, "0o") || digits.size() == 4) {
              absl::ConsumePrefix(&digits, "0");
            } else if (digits.size() == 3) {
              // What writes YAML 1.1 writes 0660 as 432, which is another mode if it is read as octal.
              return Unacceptable(
                  text, "has no 0 in front, and might be decimal: write 0660 for rw-rw----");
            }
            bool octal = digits.size() == 3;
            for (const char c : digits) {
              octal = octal && c >= '0' && c <= '7';
              mode = static_cast<uint16_t>(mode * 8 + (c - '0'));
            }
            if (!octal || mode > max) {
              return Unacceptable(text, "is not a file's mode such as 0660: three octal digits");
            }
            return mode;
          },
          .write = [](const uint16_t& mode) { return absl::StrFormat("%04o", mode); }};
}

Codec<std::string> InterfaceName() {
  return Text("interface", "is not the name of an interface: at most 15 characters, no '/' or ':'",
              [](absl::string_view text) {
                return !text.empty() && text.size() <= kMaxInterface && text != "." &&
                       text != ".." && std::all_of(text.begin(), text.end(), [](char c) {
                         return IsGraph(c) && c != '/' && c != ':';
                       });
              });
}

Codec<std::string> PciAddress() {
  Codec<std::string> codec =
      Text("PCI address", "is not a PCI address such as 0000:3b:00.0", IsPciAddress);
  codec.read = [read = codec.read](absl::string_view text) {
    return read(absl::AsciiStrToLower(text));
  };
  return codec;
}

Codec<std::string> Devargs() {
  return Text("DPDK devargs", "is not a virtual device such as net_memif0,role=server",
              [](absl::string_view text) {
                return text.size() > 4 && text.size() <= kMaxDevargs &&
                       absl::StartsWith(text, "net_") && text[4] != ',' &&
                       std::all_of(text.begin(), text.end(), IsGraph);
              });
}

Codec<std::string> CryptoDevice() {
  return Text("PCI address or DPDK devargs",
              "is neither a PCI address nor a virtual device such as crypto_aesni_gcm0",
              [](absl::string_view text) {
                const bool virtual_device = text.size() > 7 && text.size() <= kMaxDevargs &&
                                            absl::StartsWith(text, "crypto_") && text[7] != ',';
                return (virtual_device && std::all_of(text.begin(), text.end(), IsGraph)) ||
                       PciAddress().read(text).ok();
              });
}

Codec<wire::PublicKey> PublicKeyText() {
  return {.type = "public key",
          .read = [](absl::string_view text) -> absl::StatusOr<wire::PublicKey> {
            absl::StatusOr<wire::PublicKey> key = wire::PublicKey::FromBase64(text);
            if (!key.ok() || key->is_zero()) {
              return Unacceptable(text, "is not a public key: 44 characters of base64");
            }
            if (!key->IsSomebodys()) {
              return Unacceptable(text, "is no private key's public key: nobody can have it");
            }
            return key;
          },
          .write = [](const wire::PublicKey& key) { return key.ToBase64(); }};
}

Codec<wire::Endpoint> EndpointText() {
  return {.type = "address:port",
          .read = [](absl::string_view text) -> absl::StatusOr<wire::Endpoint> {
            absl::StatusOr<wire::Endpoint> endpoint = wire::Endpoint::Parse(text);
            if (!endpoint.ok()) {
              return Unacceptable(
                  text, "is not an address and port such as 192.0.2.1:13116 or [::1]:13116");
            }
            return endpoint;
          },
          .write = [](const wire::Endpoint& endpoint) { return endpoint.ToString(); }};
}

namespace {

Codec<HostPort> Underlay(std::string type, absl::StatusOr<HostPort> (*parse)(absl::string_view)) {
  return {.type = std::move(type),
          .read = [parse](absl::string_view text) -> absl::StatusOr<HostPort> {
            absl::StatusOr<HostPort> value = parse(text);
            if (!value.ok()) return Unacceptable(text, value.status().message());
            if (value->literal && !MayBeRemote(value->literal->address)) {
              return Unacceptable(text, "cannot be the address of another machine");
            }
            return value;
          },
          .write = [](const HostPort& value) { return value.ToString(); }};
}

}  // namespace

Codec<HostPort> UnderlayHostPort() { return Underlay("host:port", &HostPort::Parse); }
Codec<HostPort> UnderlayServer() { return Underlay("host:port or domain", &HostPort::ParseServer); }

Codec<IpPrefix> PrefixText() {
  return {.type = "address or prefix",
          .read = [](absl::string_view text) -> absl::StatusOr<IpPrefix> {
            absl::StatusOr<IpPrefix> prefix = IpPrefix::Parse(text);
            if (!prefix.ok()) return Unacceptable(text, prefix.status().message());
            return prefix;
          },
          .write = [](const IpPrefix& prefix) { return prefix.ToString(); }};
}

Codec<InterfaceAddress> InterfaceAddressText() {
  return {.type = "address/length",
          .read = [](absl::string_view text) -> absl::StatusOr<InterfaceAddress> {
            absl::StatusOr<InterfaceAddress> address = InterfaceAddress::Parse(text);
            if (!address.ok()) return Unacceptable(text, address.status().message());
            return address;
          },
          .write = [](const InterfaceAddress& address) { return address.ToString(); }};
}

}  // namespace warp::config

// How the value of one key is written: text to value and back, with the words that the documentation and messages use
// for it.
#ifndef WARP_CONTROL_CONFIG_SCHEMA_CODEC_H_
#define WARP_CONTROL_CONFIG_SCHEMA_CODEC_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "control/config/text/digits.h"
#include "control/config/text/host_port.h"
#include "control/config/text/ip_prefix.h"
#include "control/config/text/problems.h"
#include "control/config/text/suggest.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/words.h"

namespace warp::config {

template <typename T>
struct Codec {
  std::string type;  // "1 to 65535", "duration, 1ms to 1h", "busy or adaptive"
  std::string unit;  // "counters"; empty where the type says it
  // InvalidArgument says what is wrong, the text included: `"x" is not a duration such as 250ms, 2s
  // or 1m`.
  std::function<absl::StatusOr<T>(absl::string_view)> read;
  std::function<std::string(const T&)> write;  // what `read` takes
};

// `"TEXT" WHAT`, as InvalidArgument.
absl::Status Unacceptable(absl::string_view text, absl::string_view what);

template <typename T>
Codec<T> WholeNumber(T min, T max, absl::string_view unit = "") {
  const std::string type = absl::StrCat(min, " to ", max);
  return {
      .type = type,
      .unit = std::string(unit),
      .read = [=](absl::string_view text) -> absl::StatusOr<T> {
        const std::optional<uint64_t> value = ReadDigits(text);
        if (!value || *value < static_cast<uint64_t>(min) || *value > static_cast<uint64_t>(max)) {
          return Unacceptable(text, absl::StrCat("is not a whole number from ", type));
        }
        return static_cast<T>(*value);
      },
      .write = [](const T& value) { return absl::StrCat(value); }};
}

Codec<uint32_t> PowerOfTwo(uint32_t min, uint32_t max, absl::string_view unit);

// 250ms, 2s, 1m, 1h, 500us. `min` and `max` are included; where `min` is zero, 0 may stand without a unit.
Codec<std::chrono::nanoseconds> DurationText(std::chrono::nanoseconds min,
                                             std::chrono::nanoseconds max);
std::string WriteDuration(std::chrono::nanoseconds value);

// 256MiB, 1GiB; the value is in MiB.
Codec<uint32_t> Mebibytes(uint32_t min, uint32_t max);

// 20Mbit, 500kbit, 1.5Gbit; the value is in bits a second.
Codec<uint64_t> RateText();
// 50GB, 700MB; the value is in bytes.
Codec<uint64_t> SizeText(uint64_t min, uint64_t max);

template <typename T>
Codec<T> Choice(std::vector<std::pair<std::string, T>> choices) {
  std::vector<std::string> words;
  for (const auto& choice : choices) words.push_back(choice.first);
  const std::string type = absl::StrJoin(words, ", ");
  return {.type = absl::StrCat("one of ", type),
          .read = [=](absl::string_view text) -> absl::StatusOr<T> {
            for (const auto& [word, value] : choices) {
              if (text == word) return value;
            }
            return Unacceptable(text,
                                absl::StrCat("is not one of ", type, DidYouMean(text, words)));
          },
          .write =
              [=](const T& value) {
                for (const auto& [word, candidate] : choices) {
                  if (candidate == value) return word;
                }
                return std::string();
              }};
}

template <typename T, size_t N>
Codec<T> Choice(const wire::Words<T, N>& words) {
  return Choice(std::vector<std::pair<std::string, T>>(words.begin(), words.end()));
}

// A name that an operator chose: 1 to 64 letters, digits, '-', '_' and '.', the first a letter or digit.
Codec<std::string> Name();
Codec<std::string> FilePath();
Codec<std::string> AccountName();         // of a user or group of this machine: 1 to 32 characters
Codec<uint16_t> OctalMode(uint16_t max);  // permissions of a file: three octal digits behind a 0
// A name that the kernel takes for an interface: 1 to 15 characters, no space, '/' or ':'.
Codec<std::string> InterfaceName();
Codec<std::string> PciAddress();    // domain:bus:device.function in lower case
Codec<std::string> Devargs();       // a DPDK virtual device: net_memif0,role=server
Codec<std::string> CryptoDevice();  // a PCI address, or a DPDK virtual device: crypto_aesni_gcm0
Codec<wire::PublicKey> PublicKeyText();
Codec<wire::Endpoint> EndpointText();
Codec<HostPort> UnderlayHostPort();              // where another machine can be reached
Codec<HostPort> UnderlayServer();                // the same, or a domain whose records say where
Codec<IpPrefix> PrefixText();                    // 198.51.100.7, or 198.51.100.0/24
Codec<InterfaceAddress> InterfaceAddressText();  // 10.9.0.1/24

// Unset is written as `word`; with an empty word, by leaving the key out.
template <typename T>
Codec<std::optional<T>> Optional(Codec<T> codec, absl::string_view word = "") {
  const std::string unset(word);
  return {
      .type = unset.empty() ? codec.type : absl::StrCat(unset, ", or ", codec.type),
      .unit = codec.unit,
      .read = [=](absl::string_view text) -> absl::StatusOr<std::optional<T>> {
        if (!unset.empty() && text == unset) return std::optional<T>();
        absl::StatusOr<T> value = codec.read(text);
        if (!value.ok()) return value.status();
        return std::optional<T>(*std::move(value));
      },
      .write = [=](const std::optional<T>& value) { return value ? codec.write(*value) : unset; }};
}

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_SCHEMA_CODEC_H_

#include "tools/gauge/gauge_address.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dataplane/os/unix_address.h"

namespace warp::tools {
namespace {

constexpr char kDatagramPrefix[] = "unix:";
constexpr char kSeqpacketPrefix[] = "unix-seqpacket:";

}  // namespace

absl::StatusOr<GaugeAddress> GaugeAddress::Parse(absl::string_view text) {
  const bool datagram = absl::StartsWith(text, kDatagramPrefix);
  if (datagram || absl::StartsWith(text, kSeqpacketPrefix)) {
    const std::string path(absl::StripPrefix(text, datagram ? kDatagramPrefix : kSeqpacketPrefix));
    if (!os::UnixAddress::Of(path).ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\" does not name a socket by a path of 1 to 107 bytes"));
    }
    return GaugeAddress(datagram ? Kind::kDatagram : Kind::kSeqpacket, path);
  }
  const absl::StatusOr<wire::Endpoint> endpoint = wire::Endpoint::Parse({text.data(), text.size()});
  if (!endpoint.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is not an address and port such as 127.0.0.1:9000, nor unix:PATH"));
  }
  return GaugeAddress(*endpoint);
}

std::string GaugeAddress::ToString() const {
  switch (kind_) {
    case Kind::kDatagram:
      return kDatagramPrefix + path_;
    case Kind::kSeqpacket:
      return kSeqpacketPrefix + path_;
    case Kind::kUdp:
      break;
  }
  return endpoint_.ToString();
}

int GaugeAddress::family() const {
  if (is_unix()) return AF_UNIX;
  return endpoint_.address.is_v4() ? AF_INET : AF_INET6;
}

}  // namespace warp::tools

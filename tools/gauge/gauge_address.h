// Where a gauge sends and listens: a UDP address, or the path of a Unix socket.
#ifndef WARP_TOOLS_GAUGE_GAUGE_ADDRESS_H_
#define WARP_TOOLS_GAUGE_GAUGE_ADDRESS_H_

#include <sys/socket.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/wire/endpoint.h"

namespace warp::tools {

class GaugeAddress {
 public:
  enum class Kind : uint8_t { kUdp, kDatagram, kSeqpacket };

  GaugeAddress() = default;
  // UDP. Implicit: most addresses are.
  GaugeAddress(const wire::Endpoint& endpoint)  // NOLINT(google-explicit-constructor)
      : endpoint_(endpoint) {}
  // `path` fits a socket's address (unix(7): 107 bytes).
  GaugeAddress(Kind kind, std::string path) : kind_(kind), path_(std::move(path)) {}

  // 127.0.0.1:9000, [::1]:9000, unix:/run/warp/video.sock (datagrams) or unix-seqpacket:/run/warp/video.sock.
  static absl::StatusOr<GaugeAddress> Parse(absl::string_view text);
  std::string ToString() const;

  Kind kind() const { return kind_; }
  bool is_unix() const { return kind_ != Kind::kUdp; }
  const wire::Endpoint& endpoint() const { return endpoint_; }  // for UDP only
  const std::string& path() const { return path_; }             // for Unix sockets only

  // For socket(2).
  int family() const;
  int type() const { return kind_ == Kind::kSeqpacket ? SOCK_SEQPACKET : SOCK_DGRAM; }

 private:
  Kind kind_ = Kind::kUdp;
  wire::Endpoint endpoint_;
  std::string path_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_ADDRESS_H_

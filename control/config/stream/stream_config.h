// Where a map takes TLS connections of nodes whose UDP is blocked.
#ifndef WARP_CONTROL_CONFIG_STREAM_STREAM_CONFIG_H_
#define WARP_CONTROL_CONFIG_STREAM_STREAM_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/wire/endpoint.h"

namespace warp::config {

inline constexpr uint16_t kStreamPort = 443;  // the one that is open where anything is

struct StreamConfig {
  // At least one address. The unspecified address of a family stands for all addresses of that family.
  std::vector<wire::Endpoint> listen = DefaultListen();
  // Paths as the file names them, and what the files hold: PEM, empty with KeyFiles::kIgnore. No files: the map makes a
  // certificate of its own.
  std::string certificate_file;
  std::string key_file;
  std::string certificate;
  std::string key;

  static std::vector<wire::Endpoint> DefaultListen() {  // 0.0.0.0:443 and [::]:443
    return {{wire::IpAddress::V4({0, 0, 0, 0}), kStreamPort}, {wire::IpAddress(), kStreamPort}};
  }
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_STREAM_STREAM_CONFIG_H_

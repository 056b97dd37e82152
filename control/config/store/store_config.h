// Where a map's registrations are, if not in its own memory: a redis server that several maps share.
#ifndef WARP_CONTROL_CONFIG_STORE_STORE_CONFIG_H_
#define WARP_CONTROL_CONFIG_STORE_STORE_CONFIG_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "control/config/text/host_port.h"

namespace warp::config {

// Paths as the file names them, and what the files hold: PEM, empty with KeyFiles::kIgnore.
struct StoreTlsConfig {
  std::string ca_file;  // empty: the authorities that the system trusts
  std::string certificate_file;
  std::string key_file;
  std::string name;  // of the server's certificate; empty: the host of its address
  std::string ca;
  std::string certificate;
  std::string key;
};

struct StoreConfig {
  std::vector<HostPort> redis;  // of Sentinel: the sentinels
  std::string sentinel;         // the name of the master; empty: no Sentinel
  std::string user;             // empty: redis's default user
  std::string password_file;    // empty: none
  std::string sentinel_password_file;
  std::string prefix = "warp";
  std::chrono::nanoseconds timeout = std::chrono::milliseconds(500);
  std::optional<StoreTlsConfig> tls;
  // Of those files, without white space around them.
  std::string password;
  std::string sentinel_password;
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_STORE_STORE_CONFIG_H_

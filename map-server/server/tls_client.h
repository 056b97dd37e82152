// TLS towards a server, over a socket that never waits (OpenSSL). The server's certificate is verified, and its name.
#ifndef WARP_MAP_SERVER_SERVER_TLS_CLIENT_H_
#define WARP_MAP_SERVER_SERVER_TLS_CLIENT_H_

#include <openssl/ssl.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/config/store/store_config.h"

namespace warp::map {

class TlsClient {
 public:
  // InvalidArgument says in one sentence which file holds no certificate or key.
  static absl::StatusOr<std::unique_ptr<TlsClient>> Open(const config::StoreTlsConfig& config);

  class Session {
   public:
    // `fd` is connected, stays the caller's and outlives this. `host` is whom the certificate must name.
    Session(const TlsClient& client, int fd, const std::string& host);

    // 1: done; 0: the socket is to become ready first; -1: failed, and error() says why.
    int Handshake();
    // Bytes; 0: the socket is to become ready first; -1: failed or ended.
    ssize_t Read(char* room, size_t size);
    ssize_t Write(absl::string_view bytes);
    const std::string& error() const { return error_; }

   private:
    ssize_t Result(int result);

    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    bool named_ = false;  // OpenSSL knows whom the certificate must name
    std::string error_;
  };

 private:
  explicit TlsClient(const std::string& name);

  const std::string name_;  // instead of the host
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_TLS_CLIENT_H_

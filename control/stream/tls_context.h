// What TLS connections between nodes and maps have in common: TLS 1.3 and nothing else (RFC 8446), by OpenSSL. They
// carry WARP where a network lets no UDP through.
//
// TLS is the envelope that such networks let pass, and proves nothing here: what it carries is sealed, and both ends
// authenticate each other by their WARP keys. So a client verifies no certificate, and a server without one makes its
// own.
#ifndef WARP_CONTROL_STREAM_TLS_CONTEXT_H_
#define WARP_CONTROL_STREAM_TLS_CONTEXT_H_

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace warp::stream {

class TlsContext {
 public:
  static absl::StatusOr<std::unique_ptr<TlsContext>> Client();
  // In PEM: the certificate with those that lead to its authority, and its key. Both empty: it makes its own.
  // InvalidArgument says in one sentence what is wrong with them.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Server(const std::string& certificate,
                                                            const std::string& key);

  SSL_CTX* get() const { return context_.get(); }
  bool is_server() const { return is_server_; }

 private:
  explicit TlsContext(bool is_server);

  const bool is_server_;
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
};

}  // namespace warp::stream

#endif  // WARP_CONTROL_STREAM_TLS_CONTEXT_H_

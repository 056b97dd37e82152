#include "control/stream/tls_context.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

namespace warp::stream {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

// Of a certificate that nobody verifies: it need not end.
constexpr long kYears = 20L * 365 * 24 * 3600;

// A key with a passphrase is refused: nobody is there to type it.
int NoPassphrase(char*, int, int, void*) { return -1; }

Bio Over(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

absl::Status Load(SSL_CTX* context, const std::string& certificate, const std::string& key) {
  const Bio certificates = Over(certificate);
  bool any = false;
  while (const Certificate one{PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr),
                               X509_free}) {
    const int taken = any ? SSL_CTX_add1_chain_cert(context, one.get())
                          : SSL_CTX_use_certificate(context, one.get());
    if (taken != 1) return absl::InvalidArgumentError("its certificate cannot be used");
    any = true;
  }
  ERR_clear_error();
  if (!any) return absl::InvalidArgumentError("its file holds no certificate in PEM");
  const Bio keys = Over(key);
  const Key loaded(PEM_read_bio_PrivateKey(keys.get(), nullptr, NoPassphrase, nullptr),
                   EVP_PKEY_free);
  if (loaded == nullptr)
    return absl::InvalidArgumentError("its key file holds no private key in PEM");
  if (SSL_CTX_use_PrivateKey(context, loaded.get()) != 1)
    return absl::InvalidArgumentError("its key is not that of its certificate");
  return absl::OkStatus();
}

// Of the curve that all clients know. It is another one after each start.
absl::Status MakeOwn(SSL_CTX* context) {
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const Certificate certificate(X509_new(), X509_free);
  uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial));
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  const bool made =
      key != nullptr && certificate != nullptr &&
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1) == 1 &&
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -24L * 3600) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kYears) != nullptr &&
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>("warp-map"), -1, -1,
                                 0) == 1 &&
      X509_set_issuer_name(certificate.get(), name) == 1 &&
      X509_set_pubkey(certificate.get(), key.get()) == 1 &&
      X509_sign(certificate.get(), key.get(), EVP_sha256()) != 0 &&
      SSL_CTX_use_certificate(context, certificate.get()) == 1 &&
      SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  return made ? absl::OkStatus() : absl::InternalError("no certificate could be made");
}

// Whom a certificate names does not matter, and a chain of a stranger's is not worth a look.
int TakeAny(X509_STORE_CTX*, void*) { return 1; }

// Clients choose among the groups that a server has, and among OpenSSL's own are some that cost it a hundred times as
// much (ffdhe8192). All clients of TLS 1.3 have the second of these (RFC 8446, section 9.1).
constexpr char kGroups[] = "X25519:P-256";

}  // namespace

// Without tickets and caches a connection leaves nothing behind; with released buffers an idle one takes little room.
TlsContext::TlsContext(bool is_server)
    : is_server_(is_server),
      context_(SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method()), SSL_CTX_free) {
  SSL_CTX* const context = context_.get();
  if (context == nullptr) return;
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_cert_verify_callback(context, TakeAny, nullptr);
  SSL_CTX_set1_groups_list(context, kGroups);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
}

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Client() {
  std::unique_ptr<TlsContext> context(new TlsContext(/*is_server=*/false));
  if (context->get() == nullptr) return absl::ResourceExhaustedError("TLS: no memory");
  return context;
}

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Server(const std::string& certificate,
                                                               const std::string& key) {
  std::unique_ptr<TlsContext> context(new TlsContext(/*is_server=*/true));
  if (context->get() == nullptr) return absl::ResourceExhaustedError("TLS: no memory");
  absl::Status status = certificate.empty() && key.empty() ? MakeOwn(context->get())
                                                           : Load(context->get(), certificate, key);
  ERR_clear_error();
  if (!status.ok()) return status;
  return context;
}

}  // namespace warp::stream

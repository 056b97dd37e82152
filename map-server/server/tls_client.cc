#include "map-server/server/tls_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "dataplane/wire/endpoint.h"

namespace warp::map {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Bio Over(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

// All certificates of the text, one after the other. False where there is none.
template <typename Take>
bool ForEachCertificate(const std::string& pem, Take take) {
  const Bio bio = Over(pem);
  bool any = false;
  while (const Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr),
                                       X509_free}) {
    if (!take(certificate.get(), !any)) return false;
    any = true;
  }
  ERR_clear_error();
  return any;
}

// A key with a passphrase is refused: nobody is there to type it.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::Status LoadKeyPair(SSL_CTX* context, const config::StoreTlsConfig& config) {
  const bool loaded = ForEachCertificate(config.certificate, [&](X509* certificate, bool first) {
    return (first ? SSL_CTX_use_certificate(context, certificate)
                  : SSL_CTX_add1_chain_cert(context, certificate)) == 1;
  });
  if (!loaded) {
    return absl::InvalidArgumentError(
        absl::StrCat("store: ", config.certificate_file, " holds no certificate in PEM"));
  }
  const Bio bio = Over(config.key);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr), EVP_PKEY_free);
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("store: ", config.key_file, " holds no private key in PEM"));
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("store: ", config.key_file,
                                                   " is not the key of the certificate in ",
                                                   config.certificate_file));
  }
  return absl::OkStatus();
}

}  // namespace

TlsClient::TlsClient(const std::string& name)
    : name_(name), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
  SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context_.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

absl::StatusOr<std::unique_ptr<TlsClient>> TlsClient::Open(const config::StoreTlsConfig& config) {
  std::unique_ptr<TlsClient> client(new TlsClient(config.name));
  SSL_CTX* const context = client->context_.get();
  if (config.ca.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (!ForEachCertificate(config.ca, [&](X509* authority, bool) {
               return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1;
             })) {
    return absl::InvalidArgumentError(
        absl::StrCat("store: ", config.ca_file, " holds no certificate in PEM"));
  }
  if (!config.certificate.empty()) {
    if (absl::Status status = LoadKeyPair(context, config); !status.ok()) {
      ERR_clear_error();
      return status;
    }
  }
  return client;
}

TlsClient::Session::Session(const TlsClient& client, int fd, const std::string& host)
    : ssl_(SSL_new(client.context_.get()), SSL_free) {
  const std::string& name = client.name_.empty() ? host : client.name_;
  SSL_set_fd(ssl_.get(), fd);
  if (wire::IpAddress::Parse(name).ok()) {
    named_ = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str()) == 1;
  } else {
    named_ = SSL_set1_host(ssl_.get(), name.c_str()) == 1 &&
             SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) == 1;
  }
  SSL_set_connect_state(ssl_.get());
}

int TlsClient::Session::Handshake() {
  ERR_clear_error();
  // OpenSSL would take any name then.
  if (!named_) {
    error_ = "no certificate can be for its name";
    return -1;
  }
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? 1 : static_cast<int>(Result(result));
}

ssize_t TlsClient::Session::Read(char* room, size_t size) {
  ERR_clear_error();
  return Result(SSL_read(ssl_.get(), room, static_cast<int>(size)));
}

ssize_t TlsClient::Session::Write(absl::string_view bytes) {
  ERR_clear_error();
  return Result(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())));
}

ssize_t TlsClient::Session::Result(int result) {
  if (result > 0) return result;
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return 0;
  const long verdict = SSL_get_verify_result(ssl_.get());
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  if (verdict != X509_V_OK) {
    error_ = absl::StrCat("its certificate is refused: ", X509_verify_cert_error_string(verdict));
  } else if (error == SSL_ERROR_SSL) {
    error_ = absl::StrCat("TLS failed: ", text.data());
  } else {
    error_ = "it closed the connection";
  }
  ERR_clear_error();
  return -1;
}

}  // namespace warp::map

#include "control/config/store/store_schema.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace warp::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMaxServers = 16;
constexpr size_t kMaxPassword = 512, kMaxPem = size_t{1} << 20;
constexpr size_t kMaxPrefix = 64;

// Beside the map, or on its own machine.
Codec<HostPort> ServerHostPort() {
  return {.type = "host:port",
          .read = [](absl::string_view text) -> absl::StatusOr<HostPort> {
            absl::StatusOr<HostPort> value = HostPort::Parse(text);
            if (!value.ok()) return Unacceptable(text, value.status().message());
            return value;
          },
          .write = [](const HostPort& value) { return value.ToString(); }};
}

// Of redis's keys: printable, and nothing that its ACL patterns take for more than itself.
Codec<std::string> KeyPrefix() {
  return {.type = "text",
          .read = [](absl::string_view text) -> absl::StatusOr<std::string> {
            const bool right = !text.empty() && text.size() <= kMaxPrefix &&
                               std::all_of(text.begin(), text.end(), [](char c) {
                                 return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                                        c == '-' || c == '_' || c == '.' || c == '/';
                               });
            if (!right)
              return Unacceptable(text,
                                  "is not a prefix: letters, digits, '-', '_', '.' and '/', at "
                                  "most 64");
            return std::string(text);
          },
          .write = [](const std::string& value) { return value; }};
}

const SectionOf<StoreTlsConfig>& TlsSchema() {
  static const SectionOf<StoreTlsConfig>& section =
      Declare<StoreTlsConfig>([](SectionOf<StoreTlsConfig>& s) {
        s.Scalar("ca", &StoreTlsConfig::ca_file, FilePath())
            .Example("/etc/warp/redis-ca.pem")
            .Otherwise("those that the system trusts")
            .Why("The file of the authorities, in PEM, one of which signed redis's certificate.");
        s.Scalar("cert", &StoreTlsConfig::certificate_file, FilePath())
            .Example("/etc/warp/redis-client.pem")
            .Otherwise("none")
            .Why(
                "The file of the map's own certificate, in PEM, with those that lead to an "
                "authority, for a redis that asks for one. It needs `key`.");
        s.Scalar("key", &StoreTlsConfig::key_file, FilePath())
            .Example("/etc/warp/redis-client.key")
            .Otherwise("none")
            .Why(
                "The file of that certificate's private key, in PEM. It is refused if group or "
                "others have any right to it.");
        s.Scalar("name", &StoreTlsConfig::name, Name())
            .Example("redis.example.net")
            .Otherwise("the host of the address")
            .Why("The name that redis's certificate must be for.");
        s.Check([](Reader& reader, const std::string& path, StoreTlsConfig& tls) {
          if (tls.certificate_file.empty() != tls.key_file.empty())
            reader.Fail(path, "cert and key belong together: a certificate needs its key");
        });
      });
  return section;
}

}  // namespace

const SectionOf<StoreConfig>& StoreSchema() {
  static const SectionOf<StoreConfig>& section =
      Declare<StoreConfig>([](SectionOf<StoreConfig>& s) {
        s.Scalars("redis", &StoreConfig::redis, ServerHostPort(), 1, kMaxServers)
            .Required()
            .Example("[redis.example.net:6379]")
            .Why(
                "Where redis is. Of several, which are tried in turn, the map uses the one that "
                "is a master. With `sentinel`, these are the sentinels.");
        s.Scalar("sentinel", &StoreConfig::sentinel, Name())
            .Example("warp")
            .Otherwise("no Sentinel")
            .Why(
                "The name of the master that the sentinels watch. The map asks them where it is "
                "before each connection.");
        s.Scalar("user", &StoreConfig::user, Name())
            .Example("warp-map")
            .Otherwise("redis's default user")
            .Why("The user of redis's ACL. It needs `password_file`.");
        s.Scalar("password_file", &StoreConfig::password_file, FilePath())
            .Example("/etc/warp/redis.password")
            .Otherwise("no password")
            .Why(
                "The file that holds redis's password. It is refused if group or others have any "
                "right to it.");
        s.Scalar("sentinel_password_file", &StoreConfig::sentinel_password_file, FilePath())
            .Example("/etc/warp/sentinel.password")
            .Otherwise("no password")
            .Why("The same for the sentinels.");
        s.Scalar("prefix", &StoreConfig::prefix, KeyPrefix())
            .Why(
                "What the names of all keys in redis begin with, before a colon. Maps that serve "
                "the same nodes have the same one, and the same private key.");
        s.Scalar("timeout", &StoreConfig::timeout, DurationText(milliseconds(50), seconds(10)))
            .Why(
                "A connection that is not up after this time, or an answer that has not come, "
                "counts as failed. A register waits for redis for 0.4 s at most.");
        s.Nested("tls", &StoreConfig::tls, TlsSchema())
            .Why("TLS 1.2 or 1.3 to redis and the sentinels, whose certificates are verified.");
        s.Check([](Reader& reader, const std::string& path, StoreConfig& store) {
          if (!store.user.empty() && store.password_file.empty())
            reader.Fail(JoinPath(path, "user"), "a user needs a password_file");
        });
      });
  return section;
}

void ReadStoreFiles(const Source& source, Reader& reader, StoreConfig& store) {
  ReadText(source, reader, "store.password_file", store.password_file, kMaxPassword,
           Readers::kOwnerAlone, store.password);
  ReadText(source, reader, "store.sentinel_password_file", store.sentinel_password_file,
           kMaxPassword, Readers::kOwnerAlone, store.sentinel_password);
  if (!store.tls.has_value()) return;
  StoreTlsConfig& tls = *store.tls;
  ReadText(source, reader, "store.tls.ca", tls.ca_file, kMaxPem, Readers::kAnyone, tls.ca);
  ReadText(source, reader, "store.tls.cert", tls.certificate_file, kMaxPem, Readers::kAnyone,
           tls.certificate);
  ReadText(source, reader, "store.tls.key", tls.key_file, kMaxPem, Readers::kOwnerAlone, tls.key);
}

}  // namespace warp::config

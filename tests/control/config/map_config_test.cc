#include "control/config/map_config.h"

#include <gtest/gtest.h>

#include "control/config/kind.h"
#include "tests/control/config/temp_dir.h"

namespace warp::config {
namespace {

std::string Messages(absl::string_view text) {
  const absl::StatusOr<MapConfig> config = ParseMapConfig(text, "f");
  return config.ok() ? "ok" : std::string(config.status().message());
}

TEST(MapConfigTest, HasDefaults) {
  const absl::StatusOr<MapConfig> config = ParseMapConfig("private_key_file: k", "f");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->listen.size(), 2u);
  EXPECT_EQ(config->listen[0].ToString(), "0.0.0.0:13116");
  EXPECT_EQ(config->listen[1].ToString(), "[::]:13116");
  EXPECT_EQ(config->control_socket, "/run/warp-map/map.sock");
  EXPECT_EQ(config->lifetime, std::chrono::seconds(60));
  EXPECT_EQ(config->max_registrations, 1'000'000u);
}

TEST(MapConfigTest, ReadsEveryKey) {
  const absl::StatusOr<MapConfig> config = ParseMapConfig(
      "listen: [\"192.0.2.1:1\"]\nprivate_key_file: k\ncontrol_socket: s\nlifetime: "
      "5s\nmax_registrations: 7\n",
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->listen.size(), 1u);
  EXPECT_EQ(config->listen[0].ToString(), "192.0.2.1:1");
  EXPECT_EQ(config->private_key_file, "k");
  EXPECT_EQ(config->control_socket, "s");
  EXPECT_EQ(config->lifetime, std::chrono::seconds(5));
  EXPECT_EQ(config->max_registrations, 7u);
}

TEST(MapConfigTest, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "f:1: private_key_file: missing"},
      {"private_key_file: k\nlisten: []", "f:2: listen: needs at least 1 entry"},
      {"private_key_file: k\nlisten: [\"a.example:1\"]",
       "f:2: listen[0]: \"a.example:1\" is not an address and port such as 192.0.2.1:13116 or "
       "[::1]:13116"},
      {"private_key_file: k\nlisten: [\"[::]:1\", \"[::0]:1\"]",
       "f:2: listen[1]: \"[::]:1\" is taken by listen[0]"},
      {"private_key_file: k\nlifetme: 5s", "f:2: lifetme: unknown key, did you mean \"lifetime\"?"},
      {"private_key_file: k\nlifetime: 5",
       "f:2: lifetime: \"5\" is not a duration such as 250ms, 2s or 1m"},
      {"private_key_file: k\nmax_registrations: 0",
       "f:2: max_registrations: \"0\" is not a whole number from 1 to 10000000"},
  };
  for (const auto& [text, messages] : cases) EXPECT_EQ(Messages(text), messages) << text;
}

TEST(MapConfigTest, ReadsItsKeyFile) {
  ASSERT_TRUE(wire::InitCrypto().ok());
  TempDir dir;
  dir.Write("k", "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n");
  const absl::StatusOr<MapConfig> config =
      LoadMapConfig(dir.Write("map.yaml", "private_key_file: k"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->private_key.Public().ToBase64(),
            "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
  dir.Write("k", "x", 0640);
  EXPECT_EQ(LoadMapConfig(dir.At("map.yaml")).status().message(),
            dir.At("map.yaml") + ":1: private_key_file: " + dir.At("k") +
                " is open to group or others (mode 0640): chmod 600 it");
}

// What is allowed is told: in the differences of a reload, and to whoever may ask a map.
TEST(MapConfigTest, ItsPrivateKeyIsNoKeyThatMayRegister) {
  TempDir dir;
  const std::string key = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
  dir.Write("k", key + "\n");
  for (const std::string& allow :
       {std::string("allow_keys_file: k"), "allow_keys: [\"" + key + "\"]"}) {
    const absl::StatusOr<MapConfig> config =
        LoadMapConfig(dir.Write("map.yaml", "private_key_file: k\n" + allow));
    ASSERT_FALSE(config.ok()) << allow;
    EXPECT_NE(config.status().message().find("is the private key of this file"), std::string::npos);
    EXPECT_EQ(config.status().message().find(key), std::string::npos);
  }
}

TEST(MapConfigTest, ReadsAStore) {
  const absl::StatusOr<MapConfig> config = ParseMapConfig(
      "private_key_file: k\nstore:\n  redis: [\"127.0.0.1:6379\", \"redis.example:1\"]\n"
      "  sentinel: m\n  user: u\n  password_file: p\n  prefix: a/b\n  timeout: 2s\n"
      "  tls: {ca: c, cert: d, key: e, name: n.example}\n",
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(config->store.has_value());
  const StoreConfig& store = *config->store;
  ASSERT_EQ(store.redis.size(), 2u);
  EXPECT_EQ(store.redis[1].ToString(), "redis.example:1");
  EXPECT_EQ(store.sentinel, "m");
  EXPECT_EQ(store.user, "u");
  EXPECT_EQ(store.prefix, "a/b");
  EXPECT_EQ(store.timeout, std::chrono::seconds(2));
  ASSERT_TRUE(store.tls.has_value());
  EXPECT_EQ(store.tls->name, "n.example");
}

TEST(MapConfigTest, ReadsARelay) {
  const std::string begin = "private_key_file: k\n";
  const auto relay = [&](const std::string& text) {
    const absl::StatusOr<MapConfig> config = ParseMapConfig(begin + text, "f");
    EXPECT_TRUE(config.ok()) << config.status();
    return config.ok() ? config->relay : std::nullopt;
  };
  EXPECT_EQ(relay(""), std::nullopt);
  EXPECT_EQ(relay("relay: false"), std::nullopt);
  EXPECT_EQ(relay("relay: true"), RelayConfig());
  EXPECT_EQ(relay("relay: {}"), RelayConfig());
  RelayConfig all;
  all.ports = {4000, 8};
  all.rate = 1'000'000;
  all.bytes = 5'000'000;
  all.pairs = 3;
  EXPECT_EQ(relay("relay: {ports: 4000-4007, rate: 1Mbit, bytes: 5MB, pairs: 3}"), all);
  all = RelayConfig();
  all.ports = {65535, 1};
  EXPECT_EQ(relay("relay: {ports: 65535}"), all);
}

TEST(MapConfigTest, SaysWhatIsWrongWithARelay) {
  const std::string begin = "private_key_file: k\n";
  const std::pair<const char*, const char*> cases[] = {
      {"relay: yes", "f:2: relay: \"yes\" is not true, false or a map of keys"},
      {"relay: [a]",
       "f:2: relay: must be a map of keys, is a list (known here: ports, rate, bytes, pairs)"},
      {"relay: {ports: 20}\nlisten: 0.0.0.0:20",
       "f:2: relay.ports: has the port of 0.0.0.0:20, at which the map listens"},
      {"relay: {ports: 0-3}",
       "f:2: relay.ports: \"0-3\" is not a range of UDP ports such as 20000-20063"},
      {"relay: {ports: 5-3}",
       "f:2: relay.ports: \"5-3\" is not a range of UDP ports such as 20000-20063"},
      {"relay: {ports: 65530-65536}",
       "f:2: relay.ports: \"65530-65536\" is not a range of UDP ports such as 20000-20063"},
      {"relay: {ports: 20000-}",
       "f:2: relay.ports: \"20000-\" is not a range of UDP ports such as 20000-20063"},
      {"relay: {ports: 1-257}", "f:2: relay.ports: \"1-257\" has more than 256 ports"},
      {"relay: {pairs: 0}", "f:2: relay.pairs: \"0\" is not a whole number from 1 to 16384"},
  };
  for (const auto& [text, messages] : cases) EXPECT_EQ(Messages(begin + text), messages) << text;
}

TEST(MapConfigTest, SaysWhatIsWrongWithAStore) {
  const std::string begin = "private_key_file: k\nstore:\n";
  const std::pair<const char*, const char*> cases[] = {
      {"  user: u\n", "f:2: store.redis: missing\nf:3: store.user: a user needs a password_file"},
      {"  redis: []\n", "f:3: store.redis: needs at least 1 entry"},
      {"  redis: a:1\n  prefix: \"*\"\n",
       "f:4: store.prefix: \"*\" is not a prefix: letters, digits, '-', '_', '.' and '/', at most "
       "64"},
      {"  redis: a:1\n  tls: {cert: c}\n",
       "f:4: store.tls: cert and key belong together: a certificate needs its key"},
  };
  for (const auto& [text, messages] : cases) EXPECT_EQ(Messages(begin + text), messages) << text;
}

TEST(MapConfigTest, ReadsWhereTlsIsTaken) {
  const absl::StatusOr<MapConfig> config = ParseMapConfig(
      "private_key_file: k\nstream: {listen: \"192.0.2.1:8443\", cert: c, key: e}\n", "f");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(config->stream.has_value());
  ASSERT_EQ(config->stream->listen.size(), 1u);
  EXPECT_EQ(config->stream->listen[0].ToString(), "192.0.2.1:8443");
  EXPECT_EQ(config->stream->certificate_file, "c");
  EXPECT_EQ(config->stream->key_file, "e");
  EXPECT_FALSE(ParseMapConfig("private_key_file: k\n", "f")->stream.has_value());
  const absl::StatusOr<MapConfig> usual = ParseMapConfig("private_key_file: k\nstream: {}\n", "f");
  ASSERT_TRUE(usual.ok()) << usual.status();
  ASSERT_EQ(usual->stream->listen.size(), 2u);
  EXPECT_EQ(usual->stream->listen[0].ToString(), "0.0.0.0:443");
}

TEST(MapConfigTest, SaysWhatIsWrongWithWhereTlsIsTaken) {
  const std::string begin = "private_key_file: k\nstream:\n";
  const std::pair<const char*, const char*> cases[] = {
      {"  cert: c\n", "f:2: stream: cert and key belong together: a certificate needs its key"},
      {"  listen: [\"192.0.2.1:443\", \"192.0.2.1:443\"]\n",
       "f:3: stream.listen[1]: \"192.0.2.1:443\" is taken by stream.listen[0]"},
  };
  for (const auto& [text, messages] : cases) EXPECT_EQ(Messages(begin + text), messages) << text;
}

TEST(MapConfigTest, ReadsThePasswordOfAStore) {
  TempDir dir;
  const std::string file =
      dir.Write("map.yaml", "private_key_file: k\nstore: {redis: \"a:1\", password_file: p}\n");
  dir.Write("k", "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n");
  dir.Write("p", " secret \n");
  const absl::StatusOr<MapConfig> config = LoadMapConfig(file);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->store->password, "secret");
  dir.Write("p", "secret", 0644);
  EXPECT_EQ(LoadMapConfig(file).status().message(),
            file + ":2: store.password_file: " + dir.At("p") +
                " is open to group or others (mode 0644): chmod 600 it");
}

TEST(KindTest, FollowsFromTheKeys) {
  EXPECT_EQ(KindOf("private_key_file: k"), Kind::kMap);
  EXPECT_EQ(KindOf("listen: []\nlifetime: 5s"), Kind::kMap);
  EXPECT_EQ(KindOf("node: {}\nports: []"), Kind::kNode);
  EXPECT_EQ(KindOf("node: {}\nports: []\nlisten: 5"), Kind::kNode);
  EXPECT_EQ(KindOf(""), Kind::kNode);
  EXPECT_EQ(KindOf("listen: ["), Kind::kNode);
  EXPECT_EQ(KindOfFile("/nonexistent"), Kind::kNode);
}

}  // namespace
}  // namespace warp::config

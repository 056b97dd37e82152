// Tests `warp init` as people call it, and the files that it leaves.
#include "tools/init/init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "control/config/node_config.h"
#include "tests/control/config/temp_dir.h"
#include "tests/tools/child.h"
#include "tools/init/new_file.h"

namespace warp::tools {
namespace {

using testing::HasSubstr;

constexpr char kKey[] = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

std::string Contents(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  ::stat(path.c_str(), &info);
  return info.st_mode & 07777;
}

bool Exists(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

class InitTest : public testing::Test {
 protected:
  int Init(std::vector<std::string> more) {
    more.insert(more.begin(), {WARP_BINARY, "init", "--output", output});
    Child child(more);
    const int status = child.Wait();
    out = child.out();
    err = child.err();
    return status;
  }
  const std::string peer = std::string("b=") + kKey + "@198.51.100.7";

  TempDir dir;
  const std::string output = dir.At("etc/warpd.yaml");
  const std::string key = dir.At("etc/private.key");
  std::string out;
  std::string err;
};

TEST_F(InitTest, WritesAKeyAndAConfigurationThatCheckAccepts) {
  ASSERT_EQ(Init({"--peer", peer, "--port", "fibre=eth0", "--interface", "usb0"}), 0) << err;
  EXPECT_EQ(err, "");
  EXPECT_EQ(ModeOf(key), 0600u);
  Child check({WARP_BINARY, "check", output});
  EXPECT_EQ(check.Wait(), 0) << check.err();
  const auto config = config::LoadNodeConfig(output);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(out, HasSubstr("public key: " + config->node.private_key.Public().ToBase64()));
  EXPECT_THAT(out, HasSubstr("warp check " + output));
  EXPECT_EQ(config->ports.size(), 2u);
}

TEST_F(InitTest, WithoutAPeerMakesTheKeyAlone) {
  ASSERT_EQ(Init({}), 0) << err;
  EXPECT_TRUE(Exists(key));
  EXPECT_FALSE(Exists(output));
  EXPECT_THAT(out, HasSubstr("No configuration was written"));
}

TEST_F(InitTest, NeverReplacesAKey) {
  ASSERT_EQ(Init({}), 0);
  const std::string before = Contents(key);
  ASSERT_EQ(Init({"--peer", peer, "--port", "eth0", "--force"}), 0) << err;
  EXPECT_EQ(Contents(key), before);
  EXPECT_THAT(out, HasSubstr(key + ": kept"));
  // One that warpd would refuse is no reason to make another.
  ::chmod(key.c_str(), 0644);
  EXPECT_EQ(Init({"--peer", peer, "--port", "eth0", "--force"}), 1);
  EXPECT_THAT(err, HasSubstr("is open to group or others"));
  EXPECT_EQ(Contents(key), before);
}

TEST_F(InitTest, ReplacesAConfigurationOnlyWhenTold) {
  ASSERT_EQ(Init({"--peer", peer, "--port", "eth0"}), 0) << err;
  const std::string before = Contents(output);
  EXPECT_EQ(Init({"--peer", peer, "--port", "eth1"}), 1);
  EXPECT_THAT(err, HasSubstr("is there already, and --force replaces it"));
  EXPECT_EQ(Contents(output), before);
  EXPECT_EQ(Init({"--peer", peer, "--port", "eth1", "--force"}), 0) << err;
  EXPECT_THAT(Contents(output), HasSubstr("eth1"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.At("etc")), {}), 2);
}

TEST_F(InitTest, AMistakeLeavesNothingBehind) {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"--peer", "b", "--port", "eth0"},
           {"--peer", peer, "--port", "an interface with a long name"},
           {"--peer", peer, "--port", "eth0", "--port", "eth0"},
           {"--peer", peer, "--port", "eth0", "--map", "nowhere"},
           {"--peer", peer, "--port", "eth0", "--tunnel", "video=somewhere"},
           {"--frobnicate"}}) {
    EXPECT_EQ(Init(wrong), 1);
    EXPECT_NE(err, "");
    EXPECT_FALSE(Exists(key)) << err;
    EXPECT_FALSE(Exists(output)) << err;
  }
  EXPECT_EQ(Init({"--peer", "b", "--port", "eth0"}), 1);
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
}

TEST_F(InitTest, RefusesItsOwnKeyAsAPeers) {
  ASSERT_EQ(Init({}), 0);
  const std::string own = out.substr(out.find("public key: ") + 12, 44);
  EXPECT_EQ(Init({"--peer", "b=" + own, "--port", "eth0"}), 1);
  EXPECT_THAT(err, HasSubstr("this node's own key"));
  EXPECT_FALSE(Exists(output));
}

TEST_F(InitTest, SaysWhereItCannotWrite) {
  ASSERT_EQ(Init({"--key", dir.At("no/such/directory/key")}), 1);
  EXPECT_THAT(err, HasSubstr("no/such/directory/key: No such file or directory; mkdir -p " +
                             dir.At("no/such/directory") + " makes it"));
  ASSERT_EQ(Init({"--key", dir.At("")}), 1);
  EXPECT_THAT(err, HasSubstr("is not a regular file"));
  ::mkdir(dir.At("etc").c_str(), 0755);
  ::mkdir(output.c_str(), 0755);
  for (const char* force : {"--port=eth0", "--force"}) {
    EXPECT_EQ(Init({"--peer", peer, "--interface", "eth1", force}), 1);
    EXPECT_THAT(err, HasSubstr(output + " is a directory, and --output names a file"));
  }
  Child nowhere({WARP_BINARY, "init", "--output", ""});
  EXPECT_EQ(nowhere.Wait(), 1);
  EXPECT_THAT(nowhere.err(), HasSubstr("--output"));
  EXPECT_FALSE(Exists(key));
}

// Root's shell may keep everything to itself, and warpd may be another user.
TEST_F(InitTest, WarpdReadsTheConfigurationWhateverTheUmaskWas) {
  const mode_t before = ::umask(077);
  EXPECT_EQ(Init({"--peer", peer, "--port", "eth0"}), 0) << err;
  ::umask(before);
  EXPECT_EQ(ModeOf(dir.At("etc")), 0755u);
  EXPECT_EQ(ModeOf(output), 0644u);
  EXPECT_EQ(ModeOf(key), 0600u);
}

TEST_F(InitTest, AnyPathOfAKeyIsFoundAgain) {
  for (const std::string name : {"a\nb: {}", "\x1b[1m", "\"'\\x41", "# k"}) {
    ASSERT_EQ(Init({"--peer", peer, "--port", "eth0", "--key", dir.At(name), "--force"}), 0) << err;
    const auto config = config::LoadNodeConfig(output);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->node.private_key_file, dir.At(name));
  }
}

TEST(NewFileTest, FollowsNoLink) {
  TempDir dir;
  ASSERT_EQ(::symlink(dir.At("elsewhere").c_str(), dir.At("key").c_str()), 0);
  EXPECT_TRUE(absl::IsAlreadyExists(WriteNewFile(dir.At("key"), "secret", 0600)));
  EXPECT_FALSE(Exists(dir.At("elsewhere")));
}

TEST(NewFileTest, ReplacesInOneStep) {
  TempDir dir;
  const std::string path = dir.Write("config", "old", 0644);
  dir.Write("config.new", "somebody's", 0600);
  ASSERT_EQ(ReplaceFile(path, "new", 0600), absl::OkStatus());
  EXPECT_EQ(Contents(path), "new");
  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_EQ(Contents(dir.At("config.new")), "somebody's");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.At("")), {}), 2);
  EXPECT_FALSE(ReplaceFile(dir.At("no/such/config"), "new", 0600).ok());
}

}  // namespace
}  // namespace warp::tools

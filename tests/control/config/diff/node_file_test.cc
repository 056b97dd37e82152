// Where a change stands in the file, and what people are told of one that needs a restart.
#include "control/config/diff/node_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/control/config/temp_dir.h"

namespace warp::config {
namespace {

class NodeFileTest : public testing::Test {
 protected:
  NodeFile Load(absl::string_view text) {
    auto file = LoadNodeFile(dir_.Write("f.yaml", std::string(text)), KeyFiles::kIgnore);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  std::string NeedsRestart(absl::string_view before, absl::string_view after) {
    const NodeFile old = Load(before), now = Load(after);
    return absl::StrReplaceAll(WhatNeedsRestart(Diff(old.config, now.config), now),
                               {{dir_.At(""), ""}});
  }
  TempDir dir_;
};

constexpr const char* kKeys[] = {
    "4p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=", "5p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=",
    "6p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=", "7p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08="};
constexpr char kBefore[] =
    "node:\n"
    "  private_key_file: k\n"
    "  window: 4096\n"
    "ports:\n"
    "  - interface: eth0\n"
    "peers:\n"
    "  - {name: hq, public_key: 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=}\n";

TEST_F(NodeFileTest, KnowsTheLinesOfItsKeys) {
  const NodeFile file = Load(kBefore);
  EXPECT_EQ(file.LineOf("node.window"), 3);
  EXPECT_EQ(file.LineOf("ports[0].interface"), 5);
  EXPECT_EQ(file.LineOf("ports[0].tier"), 5);  // where it would stand
  EXPECT_EQ(file.LineOf("map"), 1);
}

TEST_F(NodeFileTest, SaysWhatNeedsARestartWhereAndWhatToDo) {
  EXPECT_EQ(NeedsRestart(kBefore, kBefore), "");
  EXPECT_EQ(NeedsRestart(kBefore,
                         absl::StrReplaceAll(
                             kBefore, {{"  - interface: eth0", "  - {interface: eth0, tier: 3}"}})),
            "");
  EXPECT_EQ(
      NeedsRestart(
          kBefore,
          absl::StrReplaceAll(kBefore, {{"4096", "8192\n  listen_port: 13000\n  memory: 64MiB"}})),
      "f.yaml:4: node.listen_port: 13116 -> 13000 needs a restart, because what peers "
      "have sent to the old one, and go on sending until they hear of another, would be lost: "
      "restart warpd to change it, or leave it as it is\n"
      "f.yaml:5: node.memory: auto -> 64MiB needs a restart, because DPDK takes packet memory from "
      "the system once, at its start, and all buffers lie in it: restart warpd to change it, or "
      "leave it as it is\n");
}

// It stands in the other file alone.
TEST_F(NodeFileTest, WhatIsLeftHasNoLine) {
  const std::string second =
      "  - {name: lab, public_key: Ct2FE+RS5ZuecsirMGZ6GI/msLlwED4OwEGL3sts3Rg=}\n";
  const NodeFile with = Load(absl::StrCat(kBefore, second)), without = Load(kBefore);
  const auto place = [&](const NodeFile& before, const NodeFile& after) {
    const auto changes = Diff(before.config, after.config);
    return absl::StrReplaceAll(after.Place(changes.at(0), ""), {{dir_.At(""), ""}});
  };
  EXPECT_EQ(place(with, without), "f.yaml: peer lab: ");
  EXPECT_EQ(place(without, with), "f.yaml:8: peers[1]: ");
}

// Each part of it is a configuration as well, and another one.
TEST_F(NodeFileTest, AFileThatIsBeingWrittenIsAwaited) {
  dir_.Write("k", "Ct2FE+RS5ZuecsirMGZ6GI/msLlwED4OwEGL3sts3Rg=");
  const std::string path = dir_.Write("f.yaml", kBefore);
  size_t written = 0;
  const auto file = LoadSettledNodeFile(
      path, {.pause = std::chrono::milliseconds(1), .before_reading = [&] {
               if (written == std::size(kKeys)) return;
               std::ofstream(path, std::ios::app)
                   << "  - {name: p" << written << ", public_key: " << kKeys[written] << "}\n";
               ++written;
             }});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->config.peers.size(), 1 + std::size(kKeys));
}

TEST_F(NodeFileTest, AFileThatIsWrittenAllTheTimeIsRefused) {
  const std::string path = dir_.Write("f.yaml", kBefore);
  int read = 0;
  const auto file = LoadSettledNodeFile(
      path, {.pause = std::chrono::milliseconds(1), .reads = 3, .before_reading = [&] {
               std::ofstream(path, std::ios::app) << "# " << ++read << "\n";
             }});
  EXPECT_EQ(file.status().message(),
            absl::StrCat(path, ": is being written all the time: try again when it stands"));
  EXPECT_EQ(read, 3);
}

// Mistakes are those of any file.
TEST_F(NodeFileTest, AFileWithMistakesIsRefusedWithTheirPlaces) {
  const std::string path =
      dir_.Write("bad.yaml", "node: {private_key_file: k}\nports: [{interface: eth0, teir: 1}]\n");
  const auto file = LoadNodeFile(path, KeyFiles::kIgnore);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.status().message(),
            absl::StrCat(path, ":2: ports[0].teir: unknown key, did you mean \"tier\"?"));
  EXPECT_FALSE(LoadNodeFile(dir_.At("none.yaml")).ok());
}

}  // namespace
}  // namespace warp::config

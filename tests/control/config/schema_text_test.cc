#include "control/config/schema/schema_text.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/map_schema.h"
#include "control/config/node_schema.h"

namespace warp::config {
namespace {

// Appends every key below `section` to `out`, together with its path.
void Collect(const Section& section, const std::string& path,
             std::vector<std::pair<std::string, const Key*>>& out) {
  for (const Key& key : section.keys()) {
    out.emplace_back(JoinPath(path, key.name), &key);
    if (key.section != nullptr) {
      Collect(*key.section, out.back().first + (key.shape == Key::Shape::kSections ? "[]" : ""),
              out);
    }
  }
}

std::vector<std::pair<std::string, const Key*>> AllKeys() {
  std::vector<std::pair<std::string, const Key*>> keys;
  Collect(NodeSchema(), "", keys);
  Collect(MapSchema(), "map:", keys);
  return keys;
}

TEST(SchemaTest, EveryKeySaysWhyItIsThereAndWhatHoldsWithoutIt) {
  EXPECT_GT(AllKeys().size(), 50u);
  for (const auto& [path, key] : AllKeys()) {
    EXPECT_FALSE(key->reason.empty()) << path;
    EXPECT_EQ(key->reason.back(), '.') << path;
    if (key->section != nullptr) continue;
    EXPECT_FALSE(key->type.empty()) << path;
    EXPECT_TRUE(key->required || !key->fallback.empty()) << path;
    EXPECT_TRUE(!key->required || !key->example.empty()) << path;
    EXPECT_TRUE(!key->fallback_in_words || !key->example.empty()) << path;
  }
}

TEST(ExampleTest, IsAccepted) {
  EXPECT_EQ(ParseNodeConfig(ExampleNodeConfig(), "f").status(), absl::OkStatus());
  EXPECT_EQ(ParseMapConfig(ExampleMapConfig(), "f").status(), absl::OkStatus());
}

// The examples must stay valid when a user removes one `#`. A commented section is opened with all of its keys.
TEST(ExampleTest, IsAcceptedWithAnyOneCommentMadeAKey) {
  const std::regex commented("^( *)#( {2,}|)((?:- )?[a-z_]+:.*)$");
  for (const bool map : {false, true}) {
    const std::vector<std::string> lines =
        absl::StrSplit(map ? ExampleMapConfig() : ExampleNodeConfig(), '\n');
    int tried = 0;
    for (size_t i = 0; i < lines.size(); ++i) {
      std::smatch match;
      if (!std::regex_match(lines[i], match, commented) || match[2].length() > 0) continue;
      const std::string key = match[3];
      std::string text;
      bool below = true;  // true while line j belongs to the commented section that line i opens
      for (size_t j = 0; j < lines.size(); ++j) {
        std::smatch inner;
        const bool is_comment = std::regex_match(lines[j], inner, commented);
        if (j > i && is_comment && inner[2].length() == 0) below = false;
        const bool open = is_comment && (j == i || (j > i && below && inner[2].length() > 0));
        // A port names either an interface or a device, so these keys replace `interface`.
        const bool other_kind = key.starts_with("pci") || key.starts_with("devargs") ||
                                key.starts_with("kernel_interface");
        std::string line =
            open ? absl::StrCat(inner[1].str(), inner[2].str(), inner[3].str()) : lines[j];
        if (other_kind && line == "    interface: eth0") {
          line = key.starts_with("kernel_interface") ? "    devargs: net_ring0" : "";
        }
        // Exceptions are those of a pattern.
        if (key.starts_with("except") && line == "    interface: eth0") {
          line = "    interface: eth*";
        }
        // A crypto device is accepted only beside the engine that uses it.
        if (key.starts_with("crypto_device") && line.starts_with("  #crypto: ")) {
          line = "  crypto: cryptodev";
        }
        // A tunnel has one gate, so a gate of another kind replaces `loopback`.
        const bool other_gate = key.starts_with("udp") || key.starts_with("unix") ||
                                key.starts_with("tun:") || key.starts_with("tap:") ||
                                key.starts_with("class_of:");
        const bool of_loopback = lines[j] == "      loopback:" ||
                                 lines[j].starts_with("        listen:") ||
                                 lines[j].starts_with("        deliver: 127.0.0.1:");
        if (other_gate && of_loopback) line = "";
        absl::StrAppend(&text, line, "\n");
      }
      // Classes lead to another tunnel, and that one names theirs.
      if (key.starts_with("tun:") || key.starts_with("tap:")) {
        text += "  - {name: voice, id: 2, peer: hq, gate: {class_of: video}}\n";
      } else if (key.starts_with("class_of:")) {
        text += "  - {name: office, id: 2, peer: hq, gate: {tun: {interface: warp0}}}\n";
      }
      ++tried;
      const absl::Status status =
          map ? ParseMapConfig(text, "f").status() : ParseNodeConfig(text, "f").status();
      EXPECT_EQ(status, absl::OkStatus()) << key;
    }
    EXPECT_EQ(tried, map ? 9 : 54);
  }
}

// docs/config.md contains the generated reference tables verbatim, so that each key, default and reason there is right.
TEST(DocumentationTest, HoldsTheReference) {
  std::ifstream file(WARP_CONFIG_DOC);
  std::stringstream text;
  text << file.rdbuf();
  const auto expect_tables = [&](const std::string& tables, const char* command) {
    EXPECT_NE(text.str().find(tables), std::string::npos)
        << "docs/config.md differs from the output of `" << command << "`:\n"
        << tables;
  };
  expect_tables(NodeConfigReference(), "warp example-config --reference");
  expect_tables(MapConfigReference(), "warp example-config --map --reference");
}

}  // namespace
}  // namespace warp::config

// Tests `warp doctor` as people call it, on whatever machine this is.
#include "tools/doctor/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/control/config/temp_dir.h"
#include "tests/tools/child.h"
#include "tools/doctor/report.h"

namespace warp::tools {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class DoctorTest : public testing::Test {
 protected:
  int Doctor(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {WARP_BINARY, "doctor"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    Child child(words);
    const int status = child.Wait();
    out = child.out();
    err = child.err();
    return status;
  }
  std::string Write(const std::string& ports) {
    return dir.Write("warp.yaml", "node: {private_key_file: own.key, control_socket: s}\nports:\n" +
                                      ports + "\n");
  }

  TempDir dir;
  std::string out;
  std::string err;
};

TEST_F(DoctorTest, NamesWhatThisMachineLacks) {
  const std::string file = Write(" - {interface: none-such}");
  EXPECT_EQ(Doctor({file}), 1);
  EXPECT_EQ(err, "");
  EXPECT_THAT(out, StartsWith("1. failure: " + dir.At("own.key")));
  EXPECT_THAT(out, HasSubstr("$ (umask 077; warp keygen > " + dir.At("own.key") + ")"));
  EXPECT_THAT(out, HasSubstr("port none-such: there is no interface none-such"));
  EXPECT_THAT(out, EndsWith(file + ": something is wrong; no warpd answers here\n"));
}

TEST_F(DoctorTest, SaysTheSameToPrograms) {
  EXPECT_EQ(Doctor({"--json", Write(" - {interface: none-such}")}), 1);
  const nlohmann::json json = nlohmann::json::parse(out);
  EXPECT_EQ(json["wrong"], true);
  EXPECT_EQ(json["running"], false);
  ASSERT_GE(json["findings"].size(), 2u);
  EXPECT_EQ(json["findings"][0]["severity"], "failure");
  EXPECT_EQ(json["findings"][0]["topic"], "key");
  EXPECT_TRUE(json["findings"][0]["commands"].is_array());
  EXPECT_TRUE(json["unseen"].is_array());
}

TEST_F(DoctorTest, AMistakeInTheFileComesFirst) {
  EXPECT_EQ(Doctor({Write(" - {interfaze: eth0}")}), 1);
  EXPECT_THAT(out, HasSubstr("interfaze"));
  EXPECT_THAT(out, HasSubstr("$ warp check " + dir.At("warp.yaml")));
  EXPECT_EQ(Doctor({dir.At("none")}), 1);
  EXPECT_THAT(out, HasSubstr("cannot be read: No such file or directory"));
  EXPECT_THAT(out, HasSubstr("$ warp init --output " + dir.At("none") + " --peer NAME=KEY"));
  EXPECT_EQ(Doctor({dir.At("")}), 1);
  EXPECT_THAT(out, HasSubstr("is not a regular file"));
  EXPECT_EQ(Doctor({"--json", dir.Write("garbage", "\xff\x00\x1b[1m", 0600)}), 1);
  EXPECT_EQ(nlohmann::json::parse(out)["findings"][0]["topic"], "configuration");
  EXPECT_EQ(Doctor({"--frobnicate"}), 1);
}

TEST(ReportTest, NotesAreNothingWrong) {
  Report report{.file = "f", .findings = {{Severity::kNote, Topic::kClock, "a", "b.", {"c"}}}};
  EXPECT_FALSE(report.wrong());
  EXPECT_EQ(report.ToText(),
            "1. note: a\n     b.\n     $ c\nf: nothing is wrong; no warpd answers here\n");
  report.findings.push_back({Severity::kWarning, Topic::kCpu, "\xff", "", {}});
  report.unseen = {"the firewall"};
  EXPECT_TRUE(report.wrong());
  EXPECT_THAT(report.ToText(), HasSubstr("not looked at:\n  the firewall\n"));
  EXPECT_EQ(nlohmann::json::parse(report.ToJson())["findings"].size(), 2u);
}

}  // namespace
}  // namespace warp::tools

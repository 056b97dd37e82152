#include "control/config/text/problems.h"

#include <gtest/gtest.h>

namespace warp::config {
namespace {

TEST(ProblemsTest, AreLinesInTheOrderOfTheFile) {
  Problems problems("a.yaml");
  EXPECT_TRUE(problems.ToStatus().ok());
  problems.Add(7, "node.window", "is odd");
  problems.Add(2, "ports[0]", "is missing");
  problems.Add(7, "", "second of its line");
  problems.Add(0, "", "is a directory");
  EXPECT_EQ(problems.ToStatus(), absl::InvalidArgumentError("a.yaml: is a directory\n"
                                                            "a.yaml:2: ports[0]: is missing\n"
                                                            "a.yaml:7: node.window: is odd\n"
                                                            "a.yaml:7: second of its line"));
}

TEST(ProblemsTest, EndAtANumberOneCanRead) {
  Problems problems("f");
  for (int i = 1; i <= 25; ++i) problems.Add(i, "k", "x");
  const std::string text(problems.ToStatus().message());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 20);
  EXPECT_EQ(text.substr(text.rfind('\n')), "\nf: and 5 more");
}

TEST(ProblemsTest, QuotedTextCannotHarmATerminal) {
  EXPECT_EQ(Quote("a\x1b[2J\n\"b\\"), "\"a\\033[2J\\n\\\"b\\\\\"");
  EXPECT_EQ(Quote("\xc3\xa4"), "\"\xc3\xa4\"");
  EXPECT_EQ(Quote(std::string(61, 'a')), "\"" + std::string(60, 'a') + "...\"");
  // The limit falls inside a two-byte character. Its first byte must not be printed raw, so it appears as \303.
  EXPECT_EQ(Quote(std::string(59, 'a') + "\xc3\xa4"), "\"" + std::string(59, 'a') + "\\303...\"");
  Problems problems("f");
  problems.Add(1, "k\x1b\n", "x");
  EXPECT_EQ(problems.ToStatus().message(), "f:1: k\\033\\n: x");
}

}  // namespace
}  // namespace warp::config

#include "control/config/schema/document.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace warp::config {
namespace {

// Writes a tree with brackets, and each key and section with its line: {node@2: {port@3: 1}}.
std::string Draw(const Value& value) {
  std::string out;
  switch (value.kind) {
    case Value::Kind::kNothing:
      return "~";
    case Value::Kind::kScalar:
      return value.text;
    case Value::Kind::kList:
      for (const Value& item : value.items)
        absl::StrAppend(&out, out.empty() ? "" : ", ", Draw(item));
      return absl::StrCat("[", out, "]");
    case Value::Kind::kMap:
      for (const Entry& entry : value.entries) {
        absl::StrAppend(&out, out.empty() ? "" : ", ", entry.key, "@", entry.line, ": ",
                        Draw(entry.value));
      }
      return absl::StrCat("{", out, "}");
  }
  return out;
}

std::string Parse(absl::string_view text) {
  Problems problems("f");
  const std::optional<Value> document = ParseDocument(text, problems);
  EXPECT_EQ(document.has_value(), problems.empty()) << text;
  return document ? Draw(*document) : std::string(problems.ToStatus().message());
}

TEST(DocumentTest, KeepsOrderAndLines) {
  EXPECT_EQ(Parse(""), "~");
  EXPECT_EQ(Parse("# nothing\n"), "~");
  EXPECT_EQ(Parse("a: 1\nb:\n  - x\n  - {c: y, d: 'z'}\ne: ~\nf:\ng: \"~\"\n"),
            "{a@1: 1, b@2: [x, {c@4: y, d@4: z}], e@5: ~, f@6: ~, g@7: ~}");
  EXPECT_EQ(Parse("a: [[1, 2], [], {}]"), "{a@1: [[1, 2], [], {}]}");
  EXPECT_EQ(Parse("\xef\xbb\xbf"
                  "a: \xc3\xa4\r\nb: 2\r\n"),
            "{a@1: \xc3\xa4, b@2: 2}");
}

TEST(DocumentTest, RefusesWhatAConfigurationNeedsNot) {
  EXPECT_EQ(Parse("a: &x 1\nb: *x\n"), "f:1: YAML: anchors (&) and aliases (*) are not supported");
  EXPECT_EQ(Parse("a: 1\nb: !!binary aGk=\n"), "f:2: YAML: tags (!) are not supported");
  EXPECT_EQ(Parse("a: 1\n---\nb: 2\n"), "f:3: a second document: a configuration is one");
  EXPECT_EQ(Parse("[1]: 2\n"), "f:1: YAML: a key must be plain text");
  EXPECT_EQ(Parse("a: 1\nb: 2\na: 3\n"), "f:3: a: given twice, first on line 1");
}

TEST(DocumentTest, NamesTheLineOfASyntaxError) {
  EXPECT_EQ(Parse("a: 1\nb: [1, 2\n"),
            "f:3: YAML: end of sequence flow not found; the [ on line 2 has no ]");
  EXPECT_EQ(Parse("a: \"\\"),
            // yaml-cpp takes \004 for an end of file.
            "f:1: YAML: unknown escape character: \\004");
  EXPECT_EQ(Parse("a: 1\n  b: 2\n"),
            "f:2: YAML: illegal map value; its indentation does not fit the lines above");
  EXPECT_EQ(Parse("a: 1\n\tb: 2\n").substr(0, 10), "f:2: YAML:");
}

// YAML takes brackets for a list, and what stands before a colon for a key.
TEST(DocumentTest, SaysThatAnAddressInBracketsWantsQuotes) {
  for (const char* text :
       {"a: [[fd00::2]:13116]", "a: [\"x:1\", [fd00::2]:13116]", "a:\n  - [fd00::2]:13116\n",
        "a: [fd00::2]:13116\nb: 1\n", "a: {b: [fd00::2]:13116, c: 1}\n",
        "- {name: x, endpoints: [[fd00::2]:13116]}  # [fd00::3]:1\n"}) {
    const std::string refusal = Parse(text);
    EXPECT_NE(refusal.find("; write quotes around \"[fd00::2]:13116\""), std::string::npos)
        << text << refusal;
  }
  for (const char* text : {"[1]: 2\n", "\"[fd00::2]:1\": [\n", "a: 1\n  b: 2  # [fd00::2]:1\n"}) {
    EXPECT_EQ(Parse(text).find("quotes"), std::string::npos) << text;
  }
}

TEST(DocumentTest, SaysThatThereAreNoAnchors) {
  for (const char* text : {"a: &x 1\n", "a: &x\n  b: 1\n", "- &x {b: 1}\n- *x\n",
                           "a: &x {b: 1}\nc: {<<: *x}\n", "a: &x {b: 1}\nc:\n  <<: *x\n  d: 1\n",
                           "a: *x\n", "a: [*x]\n", "*x: 1\n", "&x a: 1\n", "a: &x b: 1\n"}) {
    EXPECT_NE(Parse(text).find("anchors (&) and aliases (*) are not supported"), std::string::npos)
        << text << Parse(text);
  }
}

// The parser names the rule that is broken where that shows, which is often a line later.
TEST(DocumentTest, SaysWhichSlipIsBehindARefusal) {
  const struct {
    const char* text;
    const char* hint;
  } cases[] = {
      {"a:\n\tb: 1\n", "; indent by spaces, not by tabs"},
      {"- a:1\n  b: 2\n", "; write a space behind \"a:\""},
      {"a\n  b: 2\n", "; write a colon behind \"a\""},
      {"- a: 1\n  b: 2\n c: 3\n", "; its indentation does not fit the lines above"},
      {"a: {b: {c: 1}\n", "; the { on line 1 has no }"},
      {"a: {b: \"x}\nc: 1\n", "; the quote on line 1 has no end"},
      {"a: [b, 'c]\n", "; the quote on line 1 has no end"},
      {"a: [{b: 1}\nc: {d: 1}\n", "; the [ on line 1 has no ]"},
  };
  for (const auto& [text, hint] : cases) {
    const std::string refusal = Parse(text);
    EXPECT_NE(refusal.find(hint), std::string::npos) << text << refusal;
  }
}

// Half a megabyte of brackets, quotes or tabs is looked at once.
TEST(DocumentTest, TakesNoLongToSayIt) {
  for (const char* piece : {"{", "[\n", "\t", "a:\"\n", "\"", "]"}) {
    std::string text = "a: [";
    while (text.size() < kMaxFileSize / 2) text += piece;
    EXPECT_NE(Parse(text), "~") << piece;
  }
}

TEST(DocumentTest, TakesTextAlone) {
  const std::string nul("a: 1\nb: \0\n", 10);
  EXPECT_EQ(Parse(nul), "f:2: not UTF-8 text: byte 0x00");
  EXPECT_EQ(Parse("a: 1\n\x04\nb: [\n"), "f:2: not UTF-8 text: byte 0x04");
  EXPECT_EQ(Parse("a: \xff\xfe"), "f:1: not UTF-8 text: byte 0xff");
  EXPECT_EQ(Parse("a: \xc0\xaf"), "f:1: not UTF-8 text: byte 0xc0");      // an overlong encoding
  EXPECT_EQ(Parse("a: \xed\xa0\x80"), "f:1: not UTF-8 text: byte 0xed");  // a surrogate
  EXPECT_EQ(Parse("a: \xe2\x82"),
            "f:1: not UTF-8 text: byte 0xe2");  // a character that ends too early
}

TEST(DocumentTest, IsBounded) {
  EXPECT_EQ(Parse(std::string(kMaxFileSize + 1, '#')), "f: larger than 1048576 bytes");
  const std::string deep(kMaxDepth, '['), closed(kMaxDepth, ']');
  EXPECT_EQ(Parse(deep + closed), deep + closed);
  EXPECT_EQ(Parse("[" + deep + closed + "]"),
            "f:1: YAML: lists and maps are nested more than 16 deep");
  EXPECT_EQ(Parse("a: " + std::string(10'000, '[')).substr(0, 10), "f:1: YAML:");
  std::string many = "[";
  for (size_t i = 0; i < kMaxValues; ++i) many += "1,";
  EXPECT_EQ(Parse(many + "]"), "f:1: YAML: more than 100000 values");
  std::string keys;
  for (size_t i = 0; i <= kMaxKeys; ++i) absl::StrAppend(&keys, "k", i, ": 1\n");
  EXPECT_EQ(Parse(keys), "f:65: YAML: more than 64 keys");
}

}  // namespace
}  // namespace warp::config

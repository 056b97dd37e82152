// Holds the events against docs/events.md: names, severities, meanings and fields.
#include "control/event/event.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace warp::control {
namespace {

using Json = nlohmann::json;

// The rows of a section's table, by what stands in backquotes in the first column. `marked`: behind it stands ¹.
struct Row {
  std::vector<std::string> cells;
  bool marked = false;
};
std::map<std::string, Row> RowsOf(const std::string& heading) {
  std::ifstream file(WARP_EVENTS_PAGE);
  EXPECT_TRUE(file) << WARP_EVENTS_PAGE;
  std::map<std::string, Row> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "## ")) inside = line == "## " + heading;
    if (!inside || !absl::StartsWith(line, "| `")) continue;
    Row row{.cells = absl::StrSplit(line, " | ")};
    row.marked = absl::StrContains(row.cells[0], "¹");
    const std::vector<std::string> name = absl::StrSplit(row.cells[0], '`');
    rows[name[1]] = row;
  }
  return rows;
}

// With every member that its kind has.
Event Full(EventKind kind) {
  Event event{.kind = kind,
              .peer = "hq",
              .port = "lte",
              .endpoint = "198.51.100.7:13116",
              .tunnel = "video",
              .reason = "no answer",
              .endpoint_before = "198.51.100.8:13116",
              .value = 20'000'000,
              .before = 43'000'000,
              .missed = 7};
  event.number = 17;
  event.time = absl::FromUnixMillis(1'796'034'731'123);
  return event;
}

TEST(EventTest, ThePageHasEachKindAndNoOther) {
  std::map<std::string, Row> rows = RowsOf("Names");
  for (const EventKindFacts& facts : kEventFacts) {
    const auto row = rows.find(std::string(facts.name));
    ASSERT_NE(row, rows.end()) << "docs/events.md lacks " << facts.name;
    EXPECT_EQ(row->second.cells[1], facts.severity == Severity::kWarning ? "warning" : "info")
        << facts.name;
    EXPECT_EQ(row->second.cells[2], facts.meaning) << facts.name;
    rows.erase(row);
  }
  for (const auto& [name, row] : rows) ADD_FAILURE() << "there is no event " << name;
}

TEST(EventTest, ThePageHasEachFieldAndNoOther) {
  const std::map<std::string, Row> rows = RowsOf("Fields");
  std::set<std::string> seen;
  for (size_t kind = 0; kind < kEventKinds; ++kind) {
    const Json json = Json::parse(EventJson(Full(static_cast<EventKind>(kind))));
    for (const auto& [key, value] : json.items()) {
      seen.insert(key);
      const auto row = rows.find(key);
      ASSERT_NE(row, rows.end()) << "docs/events.md lacks " << key;
      EXPECT_EQ(row->second.cells[1], value.is_number_integer() ? "integer" : value.type_name())
          << key;
    }
  }
  for (const auto& [key, row] : rows) EXPECT_TRUE(seen.contains(key)) << "no event has " << key;
}

TEST(EventTest, WhatDoesNotApplyIsLeftOut) {
  Event event;
  event.number = 1;
  const Json json = Json::parse(EventJson(event));
  for (const auto& [key, row] : RowsOf("Fields")) EXPECT_EQ(json.contains(key), !row.marked) << key;
}

TEST(EventTest, IsWrittenAsOneLine) {
  Event event = Full(EventKind::kPathDown);
  event.value = event.before = std::nullopt;
  event.tunnel = event.endpoint_before = "";
  EXPECT_EQ(EventJson(event),
            R"({"version":1,"number":17,"time":"2026-11-30T10:32:11.123Z","event":"path_down",)"
            R"("severity":"warning","peer":"hq","port":"lte","endpoint":"198.51.100.7:13116",)"
            R"("reason":"no answer",)"
            R"x("text":"peer hq: path lte -> 198.51.100.7:13116 lost (no answer)"})x");
  event.reason = "a\nb\xff";  // no text breaks the line or the encoding
  const std::string line = EventJson(event);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_FALSE(Json::parse(line, nullptr, false).is_discarded());
}

TEST(EventTest, EachKindHasASentenceOfItsOwn) {
  std::set<std::string> texts;
  for (size_t kind = 0; kind < kEventKinds; ++kind) {
    EXPECT_TRUE(texts.insert(EventText(Full(static_cast<EventKind>(kind)))).second) << kind;
  }
  EXPECT_EQ(EventText(Full(EventKind::kCapacityChanged)),
            "peer hq: path lte -> 198.51.100.7:13116 carries 20.0 Mbit/s, and not 43.0 Mbit/s any "
            "more");
}

// Interfaces may be called anything, and somebody looks at the line in a terminal.
TEST(EventTest, ALineIsPlainWhateverIsInIt) {
  const std::string name = "\x1b[2J\r\n\x7f\xc2\x9b\xc3\xa4\xff\"<b>";
  const std::string line = EventJson({.kind = EventKind::kPortUp, .port = name, .reason = name});
  for (const char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << line;
  EXPECT_TRUE(absl::StartsWith(Json::parse(line)["port"].get<std::string>(),
                               "\x1b[2J\r\n\x7f\xc2\x9b\xc3\xa4"));
}

}  // namespace
}  // namespace warp::control

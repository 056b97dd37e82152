#include "tools/command/see/history_command.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "tools/ask/request.h"
#include "tools/ask/values.h"
#include "tools/terminal/text_table.h"

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

// A record, and the link that it is of.
struct Row {
  std::string port;
  std::string by;
  nlohmann::json record;
};

uint64_t Number(const nlohmann::json& record, const char* key) {
  const nlohmann::json& value = At(record, key);
  return value.is_number_unsigned() ? value.get<uint64_t>() : 0;
}

std::string Share(uint64_t part, uint64_t whole, int digits) {
  if (whole == 0) return kNothing;
  return absl::StrFormat("%.*f%%", digits,
                         100 * static_cast<double>(part) / static_cast<double>(whole));
}

// The day for days and months, the time for what is shorter.
std::string BeginText(const Row& row) {
  absl::Time time;
  const std::string text = Text(row.record, "begins");
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return text;
  const char* const format = row.by == "month" ? "%Y-%m"
                             : row.by == "day" ? "%Y-%m-%d"
                                               : "%Y-%m-%d %H:%M";
  return absl::FormatTime(format, time, absl::LocalTimeZone());
}

}  // namespace

std::string HistoryText(const Json& history) {
  std::vector<Row> rows;
  std::map<std::string, uint64_t> first;  // of all links, by period
  for (const Json& link : history) {
    const nlohmann::json plain = link;
    for (const nlohmann::json& record : Items(plain, "records")) {
      rows.push_back({.port = Text(plain, "port"), .by = Text(plain, "by"), .record = record});
      first[Text(record, "begins")] += Number(record, "first");
    }
  }
  // Period by period, so that links can be compared.
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return Text(a.record, "begins") < Text(b.record, "begins");
  });
  TextTable table({"BEGINS", "LINK", ">FIRST", ">OF ALL", ">BEHIND ms", ">ONLY BY IT", ">RECEIVED",
                   ">SENT", ">UP"});
  std::string last;
  for (const Row& row : rows) {
    const std::string begin = BeginText(row);
    const uint64_t all = first[Text(row.record, "begins")];
    table.Add(
        {begin == last ? "" : begin, row.port, Text(row.record, "first"),
         Share(Number(row.record, "first"), all, 1), Fixed(row.record, "skew_ms", 1),
         absl::StrCat(Number(row.record, "sole"), " ", Share(Number(row.record, "sole"), all, 3)),
         Bytes(row.record, "rx_bytes"), Bytes(row.record, "tx_bytes"), Age(row.record, "up_s")});
    last = begin;
  }
  return table.empty() ? "nothing is known yet\n" : table.ToString();
}

int RunHistory(const HistoryOptions& options) {
  std::vector<std::string> words = {"history", options.by};
  if (!options.port.empty()) words.push_back(options.port);
  return RunRequest({.words = std::move(words),
                     .socket = options.socket,
                     .json = options.json,
                     .member = "history",
                     .text = HistoryText});
}

}  // namespace warp::tools

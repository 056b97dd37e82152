#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/ask/request.h"
#include "tools/command/commands.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/text_table.h"

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string Member(const Json& cap, const char* key) {
  const auto member = cap.find(key);
  if (member == cap.end() || !member->is_string()) return "-";
  const std::string text = Plain(member->get<std::string>());
  return text.empty() ? "-" : text;
}

double Number(const Json& cap, const char* key) {
  const auto member = cap.find(key);
  return member != cap.end() && member->is_number() ? member->get<double>() : 0;
}

// "12.50 GB", in the unit of the cap, so that the two can be compared.
std::string Size(double bytes, double of) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (; of >= 1000 && unit + 1 < std::size(kUnits); of /= 1000) {
    bytes /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.2f %s", bytes, kUnits[unit]);
}

}  // namespace

std::string CapsText(const Json& caps) {
  TextTable table({"PORT", ">USED", ">OF", ">", "STATE", "AT LIMIT", "PERIOD", "BEGAN", "ENDS"});
  std::string problem;
  for (const Json& cap : caps) {
    const double used = Number(cap, "used"), of = Number(cap, "bytes");
    table.Add({Member(cap, "port"), Size(used, of), Size(of, of),
               of > 0 ? absl::StrFormat("%.1f%%", 100 * used / of) : "-", Member(cap, "state"),
               Member(cap, "at_limit"), Member(cap, "period"), Member(cap, "begins"),
               Member(cap, "ends")});
    if (Member(cap, "problem") != "-") problem = Member(cap, "problem");
  }
  if (table.empty()) return "no port has a data cap\n";
  return table.ToString() + (problem.empty() ? "" : absl::StrCat("\n", problem, "\n"));
}

int RunCap(const CapOptions& options) {
  std::vector<std::string> words = {"cap", options.bytes.empty() ? "show" : "set"};
  for (const std::string& word : {options.port, options.bytes}) {
    if (!word.empty()) words.push_back(word);
  }
  return RunRequest({.words = std::move(words),
                     .socket = options.socket,
                     .json = options.json,
                     .member = "caps",
                     .text = CapsText});
}

}  // namespace warp::tools

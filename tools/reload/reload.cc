#include "tools/reload/reload.h"

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/diff/config_diff.h"
#include "control/config/diff/diff_json.h"
#include "control/config/diff/diff_text.h"
#include "control/config/diff/map_file.h"
#include "control/config/diff/node_file.h"
#include "control/config/kind.h"
#include "dataplane/wire/crypto/keys.h"
#include "tools/ask/status_client.h"
#include "tools/terminal/complain.h"
#include "tools/terminal/plain.h"

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

// Ports have ten seconds to be open, and each step takes a turn.
constexpr int kLooks = 600;
constexpr auto kLook = std::chrono::milliseconds(50);

std::string Member(const Json& object, const char* key) {
  const auto member = object.find(key);
  if (member == object.end() || !member->is_string()) return "";
  return Plain(member->get<std::string>());
}

Json ListOf(const Json& object, const char* key) {
  const auto member = object.find(key);
  return member != object.end() && member->is_array() ? *member : Json::array();
}

std::string Shown(const std::string& value) { return value.empty() ? "nothing" : value; }

// Of a node and of a map there is one.
std::string NameOf(const Json& change) {
  const std::string kind = Member(change, "kind");
  return kind == "node" || kind == "map_server" ? "" : " " + Member(change, "name");
}

// As config::DiffText has it.
std::string ChangesText(const Json& changes) {
  std::string text;
  for (const Json& change : changes) {
    if (!change.is_object()) continue;
    const std::string what = Member(change, "change"), effect = Member(change, "effect");
    absl::StrAppend(&text,
                    what == "added"     ? "+ "
                    : what == "removed" ? "- "
                                        : "~ ",
                    Member(change, "kind"), NameOf(change),
                    effect == "reopens"   ? " (reopens)"
                    : effect == "restart" ? " (needs a restart)"
                                          : "",
                    "\n");
    for (const Json& key : ListOf(change, "keys")) {
      if (!key.is_object()) continue;
      absl::StrAppend(&text, "    ", Member(key, "key"), ": ", Shown(Member(key, "before")), " -> ",
                      Shown(Member(key, "after")), "\n");
    }
  }
  return text;
}

// The lines of the message, each of which is shown as it is.
std::string MessageOf(const Json& report) {
  std::string text;
  const auto message = report.find("message");
  if (message == report.end() || !message->is_string()) return text;
  const std::string lines = message->get<std::string>();
  for (absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty()))
    absl::StrAppend(&text, Plain(std::string(line)), "\n");
  return text;
}

// The report of the answer to a request.
absl::StatusOr<Json> Ask(const std::string& socket, const std::string& request) {
  const absl::StatusOr<std::string> answer = AskDaemon(socket, request);
  if (!answer.ok()) return answer.status();
  Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("the answer is not a daemon's");
  if (const std::string error = Member(json, "error"); !error.empty())
    return absl::InvalidArgumentError(error);
  const Json reports = ListOf(json, "reload");
  if (reports.size() != 1 || !reports[0].is_object()) {
    return absl::UnimplementedError(
        absl::StrCat("the daemon at ", socket, " is of a version that cannot reload: restart it"));
  }
  return reports[0];
}

std::string RequestOf(const ReloadOptions& options) {
  if (options.show) return "reload show";
  if (options.confirm_now) return "reload confirm";
  if (options.confirm) return absl::StrCat("reload within ", options.confirm->count());
  return "reload";
}

absl::StatusOr<config::NodeFile> Load(const std::string& file, config::KeyFiles key_files,
                                      const config::NodeFile&) {
  return config::LoadNodeFile(file, key_files);
}
absl::StatusOr<config::MapFile> Load(const std::string& file, config::KeyFiles key_files,
                                     const config::MapFile&) {
  return config::LoadMapFile(file, key_files);
}

// Of two files of the same kind.
template <typename File>
int ShowDiff(const DiffOptions& options) {
  const auto key_files = options.no_keys ? config::KeyFiles::kIgnore : config::KeyFiles::kRead;
  const absl::StatusOr<File> before = Load(options.before, key_files, File());
  const absl::StatusOr<File> after = Load(options.after, key_files, File());
  for (const auto* const file : {&before, &after}) {
    if (!file->ok()) std::cerr << file->status().message() << std::endl;
  }
  if (!before.ok() || !after.ok()) return 1;
  const std::vector<config::EntryChange> changes = config::Diff(before->config, after->config);
  const std::string restart = config::WhatNeedsRestart(changes, *after);
  if (options.json) {
    Json lines = Json::array();
    for (absl::string_view line : absl::StrSplit(restart, '\n', absl::SkipEmpty()))
      lines.push_back(std::string(line));
    const Json all = {{"changes", config::DiffJson(changes)}, {"needs_restart", std::move(lines)}};
    std::cout << all.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  } else {
    std::cout << (changes.empty() ? "nothing differs\n" : config::DiffText(changes)) << std::flush;
    std::cerr << restart << std::flush;
  }
  return std::cout ? 0 : Complain("cannot write the differences");
}

}  // namespace

ReloadText TextOfReload(const Json& report) {
  ReloadText text{.changes = ChangesText(ListOf(report, "changes")),
                  .verdict = MessageOf(report),
                  .good = true,
                  .ended = true};
  const std::string state = Member(report, "state");
  if (state == "none") {
    text.verdict = "nothing was reloaded since the daemon started\n";
  } else if (state == "applied") {
    if (text.verdict.empty()) text.verdict = "applied\n";
  } else if (state == "unconfirmed") {
    const auto left = report.find("confirm_within_s");
    const double seconds = left != report.end() && left->is_number() ? left->get<double>() : 0;
    text.verdict = absl::StrCat("applied, and undone in ", std::lround(std::ceil(seconds)),
                                " s unless you type: warp reload --confirm-now\n");
  } else if (state == "refused") {
    text.good = false;
    text.verdict += "refused, and nothing was changed\n";
  } else if (state == "rolled_back") {
    text.good = false;
    text.verdict = absl::StrCat("undone, because:\n", text.verdict);
  } else {
    text.good = text.ended = false;
    text.verdict = absl::StrCat("still ", state, ": warp reload --show says what becomes of it\n");
  }
  return text;
}

int RunReload(const ReloadOptions& options) {
  absl::StatusOr<Json> report = Ask(options.socket, RequestOf(options));
  for (int look = 0; report.ok() && !TextOfReload(*report).ended && look < kLooks; ++look) {
    std::this_thread::sleep_for(kLook);
    report = Ask(options.socket, "reload show");
  }
  if (!report.ok()) return Complain(report.status().message());
  const ReloadText text = TextOfReload(*report);
  if (options.json) {
    std::cout << report->dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  } else {
    std::cout << text.changes << std::flush;
    (text.good ? std::cout : std::cerr) << text.verdict << std::flush;
  }
  if (!std::cout) return Complain("cannot write the answer");
  return text.good ? 0 : 1;
}

int RunDiff(const DiffOptions& options) {
  if (absl::Status ready = wire::InitCrypto(); !ready.ok()) return Complain(ready.message());
  const config::Kind before = config::KindOfFile(options.before);
  if (before != config::KindOfFile(options.after)) {
    return Complain(absl::StrCat("one of ", options.before, " and ", options.after,
                                 " is of warpd, and the other one of warp-map"));
  }
  return before == config::Kind::kMap ? ShowDiff<config::MapFile>(options)
                                      : ShowDiff<config::NodeFile>(options);
}

}  // namespace warp::tools

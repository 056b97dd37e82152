#include "control/config/diff/node_file.h"

#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/config/diff/key_effects.h"
#include "control/config/node_source.h"
#include "control/config/schema/document.h"
#include "control/config/schema/load.h"
#include "control/config/schema/reader.h"

namespace warp::config {
namespace {

using Lines = absl::flat_hash_map<std::string, int>;

void AddLines(const Value& value, const std::string& path, Lines* lines) {
  for (const Entry& entry : value.entries) {
    const std::string at = JoinPath(path, entry.key);
    (*lines)[at] = entry.line;
    AddLines(entry.value, at, lines);
  }
  for (size_t i = 0; i < value.items.size(); ++i) {
    const std::string at = ItemPath(path, i);
    (*lines)[at] = value.items[i].line;
    AddLines(value.items[i], at, lines);
  }
}

// The key of the list, of which an entry is one. There is one node, and the list of maps is called `map`.
std::string ListOf(EntryKind kind) {
  const bool is_single = kind == EntryKind::kNode || kind == EntryKind::kMap;
  return absl::StrCat(EntryKindName(kind), is_single ? "" : "s");
}

std::string Shown(const std::string& value) { return value.empty() ? "nothing" : value; }

}  // namespace

int NodeFile::LineOf(absl::string_view key) const {
  while (!key.empty()) {
    if (const auto found = lines.find(key); found != lines.end()) return found->second;
    const size_t cut = key.find_last_of(".[");
    key = cut == absl::string_view::npos ? "" : key.substr(0, cut);
  }
  return 1;
}

std::string NodeFile::Place(const EntryChange& change, absl::string_view key) const {
  const std::string list = ListOf(change.kind);
  if (!change.after.has_value()) {
    return absl::StrCat(path, ": ", EntryKindName(change.kind), " ", change.name, ": ");
  }
  const std::string entry = change.kind == EntryKind::kNode ? list : ItemPath(list, *change.after);
  const std::string at = key.empty() ? entry : JoinPath(entry, key);
  return absl::StrCat(path, ":", LineOf(at), ": ", at, ": ");
}

namespace {

// `text` is what was read, where anything was.
absl::StatusOr<NodeFile> Load(const std::string& path, KeyFiles key_files, std::string* text) {
  return LoadFile<NodeFile>(path, key_files, [&](const Source& source) -> absl::StatusOr<NodeFile> {
    *text = std::string(source.text);
    absl::StatusOr<NodeConfig> config = ParseNode(source);
    if (!config.ok()) return config.status();
    NodeFile file{.path = path, .config = *std::move(config)};
    Problems none(source.file);
    const std::optional<Value> document = ParseDocument(source.text, none);
    if (document.has_value()) AddLines(*document, "", &file.lines);
    return file;
  });
}

}  // namespace

absl::StatusOr<NodeFile> LoadNodeFile(const std::string& path, KeyFiles key_files) {
  std::string text;
  return Load(path, key_files, &text);
}

absl::StatusOr<NodeFile> LoadSettledNodeFile(const std::string& path,
                                             const SettledOptions& options) {
  std::optional<std::string> before;
  for (int read = 0; read < options.reads; ++read) {
    if (read > 0) std::this_thread::sleep_for(options.pause);
    options.before_reading();
    std::string text;
    absl::StatusOr<NodeFile> file = Load(path, KeyFiles::kRead, &text);
    if (before == text) return file;
    before = std::move(text);
  }
  return absl::UnavailableError(
      absl::StrCat(path, ": is being written all the time: try again when it stands"));
}

std::string WhatNeedsRestart(const std::vector<EntryChange>& changes, const NodeFile& after) {
  constexpr absl::string_view kNext = ": restart warpd to change it, or leave it as it is\n";
  std::string text;
  for (const EntryChange& change : changes) {
    if (change.effect != Effect::kRestart) continue;
    if (change.removed() || change.added()) {
      absl::StrAppend(&text, after.Place(change, ""), "needs a restart, because ",
                      WhyRestart(change.kind, ""), kNext);
    }
    for (const KeyChange& key : change.keys) {
      if (EffectOf(change.kind, key.key) != Effect::kRestart) continue;
      absl::StrAppend(&text, after.Place(change, key.key), Shown(key.before), " -> ",
                      Shown(key.after), " needs a restart, because ",
                      WhyRestart(change.kind, key.key), kNext);
    }
  }
  return text;
}

}  // namespace warp::config

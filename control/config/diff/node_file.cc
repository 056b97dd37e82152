#include "control/config/diff/node_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "control/config/diff/key_effects.h"
#include "control/config/node_source.h"
#include "control/config/schema/load.h"
#include "control/config/schema/reader.h"

namespace warp::config {
namespace {

// The key of the list, of which an entry is one. There is one node, and the list of maps is called `map`.
std::string ListOf(EntryKind kind) {
  const bool is_single = kind == EntryKind::kNode || kind == EntryKind::kMap;
  return absl::StrCat(EntryKindName(kind), is_single ? "" : "s");
}

std::string Shown(const std::string& value) { return value.empty() ? "nothing" : value; }

}  // namespace

std::string NodeFile::Place(const EntryChange& change, absl::string_view key) const {
  const std::string list = ListOf(change.kind);
  if (!change.after.has_value()) {
    return absl::StrCat(path, ": ", EntryKindName(change.kind), " ", change.name, ": ");
  }
  const std::string entry = change.kind == EntryKind::kNode ? list : ItemPath(list, *change.after);
  const std::string at = key.empty() ? entry : JoinPath(entry, key);
  return absl::StrCat(path, ":", lines.Of(at), ": ", at, ": ");
}

namespace {

// `text` is what was read, where anything was.
absl::StatusOr<NodeFile> Load(const std::string& path, KeyFiles key_files, std::string* text) {
  return LoadFile<NodeFile>(path, key_files, [&](const Source& source) -> absl::StatusOr<NodeFile> {
    *text = std::string(source.text);
    absl::StatusOr<NodeConfig> config = ParseNode(source);
    if (!config.ok()) return config.status();
    return NodeFile{.path = path, .config = *std::move(config), .lines = FileLines(source.text)};
  });
}

}  // namespace

absl::StatusOr<NodeFile> LoadNodeFile(const std::string& path, KeyFiles key_files) {
  std::string text;
  return Load(path, key_files, &text);
}

absl::StatusOr<NodeFile> LoadSettledNodeFile(const std::string& path,
                                             const SettledOptions& options) {
  return LoadSettled<NodeFile>(path, options, [](const std::string& at, std::string* text) {
    return Load(at, KeyFiles::kRead, text);
  });
}

std::string WhatNeedsRestart(const std::vector<EntryChange>& changes, const NodeFile& after) {
  return WhatNeedsRestart(changes, "warpd",
                          [&after](const EntryChange& change, absl::string_view key) {
                            return after.Place(change, key);
                          });
}

std::string WhatNeedsRestart(
    const std::vector<EntryChange>& changes, absl::string_view program,
    absl::FunctionRef<std::string(const EntryChange& change, absl::string_view key)> place) {
  const std::string next =
      absl::StrCat(": restart ", program, " to change it, or leave it as it is\n");
  std::string text;
  for (const EntryChange& change : changes) {
    if (change.effect != Effect::kRestart) continue;
    if (change.removed() || change.added()) {
      absl::StrAppend(&text, place(change, ""), "needs a restart, because ",
                      WhyRestart(change.kind, ""), next);
    }
    for (const KeyChange& key : change.keys) {
      if (EffectOf(change.kind, key.key) != Effect::kRestart) continue;
      absl::StrAppend(&text, place(change, key.key), Shown(key.before), " -> ", Shown(key.after),
                      " needs a restart, because ", WhyRestart(change.kind, key.key), next);
    }
  }
  return text;
}

}  // namespace warp::config
